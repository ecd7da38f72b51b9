#!/usr/bin/env node
import { start } from "../runtime/shell/start.mjs";

await start("ingressd");
