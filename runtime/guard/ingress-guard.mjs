#!/usr/bin/env node
import { start } from "../shell/start.mjs";

await start("ingress-guard");
