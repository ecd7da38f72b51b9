// A signed module cut at every byte, and with every single bit turned: all are refused. (`npm test`
// has every byte with one of its bits; this is all of them.)
import * as assert from "uvu/assert";
import { loadPolicy } from "../../runtime/host/load.ts";
import type { Trust } from "../../runtime/host/verify.ts";
import { newSigner, signed } from "../host/signed.ts";
import { moduleOf } from "../gateway/gateway_under_test.ts";
import { suite } from "../suite.ts";
import { either, figure } from "./measured.ts";

const test = suite("torn_modules");
const STEP = either(1, 16);
const module = moduleOf("edition 1\nexpose web on tcp 443 { backend 127.0.0.1:8443 allow from 192.0.2.0/24 }");
const ours = newSigner();
const whole = signed(module, ours, { revision: 7n });
const taken = (bytes: Uint8Array, trust: Trust): boolean => loadPolicy(bytes, trust).ok;

for (const { name, bytes, trust } of [
  { name: "unsigned", bytes: module, trust: null },
  { name: "signed, with a trusted key", bytes: whole, trust: [ours.trusted] },
]) {
  test(name, () => {
    assert.ok(taken(bytes, trust));
    let cuts = 0;
    for (let length = 0; length < bytes.length; length += STEP, cuts++) assert.not(taken(bytes.subarray(0, length), trust), `cut to ${length}`);
    const copy = Uint8Array.from(bytes);
    let turned = 0;
    for (let at = 0; at < copy.length; at += STEP) {
      for (let bit = 0; bit < 8; bit++, turned++) {
        copy[at] = (copy[at] ?? 0) ^ (1 << bit);
        assert.not(taken(copy, trust), `byte ${at}, bit ${bit}`);
        copy[at] = (copy[at] ?? 0) ^ (1 << bit);
      }
    }
    assert.ok(taken(copy, trust), "whole again");
    figure(`${name}: bytes, cuts refused, turned bits refused`, `${bytes.length}, ${cuts} of ${cuts}, ${turned} of ${turned}`);
  });
}

test.run();
