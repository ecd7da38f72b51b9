// The page: an editor, what the compiler and the module say of its text, and the controls. The worker does everything that can take long.
import { byId, element, paragraph } from "./dom.ts";
import { openEditor } from "./editor.ts";
import { EXAMPLES } from "./examples.ts";
import { readFragment, writeFragment, type Shared } from "./link.ts";
import type { Checked, JobKind, Jobs } from "./messages.ts";
import { decisionView } from "./views/decision.ts";
import { problemsView } from "./views/problems.ts";
import { matrixView } from "./views/matrix.ts";
import { stripView } from "./views/strip.ts";
import { claimsView, testsView } from "./views/tests.ts";
import { newWorker } from "./new_worker.ts";
import { Workshop } from "./workshop.ts";

/** Milliseconds without a change of the text, after which it is compiled. */
const REST_MS = 250;
/** Ranges of the address strip that are shown at once. */
const PAGE = 48;

const controls = {
  example: byId("example", HTMLSelectElement),
  download: byId("download", HTMLButtonElement),
  stop: byId("stop", HTMLButtonElement),
  request: byId("request", HTMLInputElement),
  place: byId("place", HTMLSelectElement),
  family: byId("family", HTMLSelectElement),
  older: byId("older", HTMLTextAreaElement),
  single: byId("single", HTMLButtonElement),
  link: byId("link", HTMLInputElement),
};
const parts = {
  state: byId("state", HTMLElement),
  linkBox: byId("link-box", HTMLElement),
  problems: byId("problems", HTMLElement),
  tests: byId("tests", HTMLElement),
  decision: byId("decision", HTMLElement),
  strip: byId("strip", HTMLElement),
  matrix: byId("matrix", HTMLElement),
  olderBox: byId("older-box", HTMLDetailsElement),
};

const editor = openEditor(byId("editor", HTMLElement), changed);
const workshop = new Workshop({
  startWorker: newWorker,
  busy: (isBusy) => (controls.stop.disabled = !isBusy),
  after(ms, action) {
    const timer = setTimeout(action, ms);
    return () => clearTimeout(timer);
  },
});
let module: Uint8Array<ArrayBuffer> | null = null;
let restTimer: ReturnType<typeof setTimeout> | undefined;

const now = (): number => Math.floor(Date.now() / 1000);
const goTo = (line: number, column: number): void => editor.goTo(line, column);

function say(text: string): void {
  parts.state.textContent = text;
}

/** The answer of a job; null where it was stopped, which is then shown, or where a later one took its place. */
async function answered<K extends JobKind>(kind: K, given: Jobs[K]["given"]): Promise<Jobs[K]["answer"] | null> {
  const result = await workshop.run(kind, given);
  if (result.kind === "stopped") say(`${kind}: ${result.why}`);
  return result.kind === "done" ? result.answer : null;
}

function changed(): void {
  setModule(null);
  parts.linkBox.hidden = true;
  clearTimeout(restTimer);
  restTimer = setTimeout(() => void checkNow(), REST_MS);
}

function setModule(next: Uint8Array<ArrayBuffer> | null): void {
  module = next;
  controls.download.disabled = next === null;
}

async function checkNow(): Promise<void> {
  clearTimeout(restTimer);
  const text = editor.text();
  say("Checking …");
  const checked = await answered("check", { text, wallSeconds: now() });
  if (checked === null || text !== editor.text()) return;
  showChecked(checked);
  await Promise.all([explainNow(), matrixNow(), stripNow(0)]);
}

function showChecked({ problems, compiled }: Checked): void {
  editor.show(problems);
  parts.problems.replaceChildren(problemsView(problems, goTo, ({ from, to, text }) => editor.edit(from, to, text)));
  const claims = compiled === null ? null : claimsView(compiled.claims, goTo);
  parts.tests.replaceChildren(testsView(compiled?.tests ?? null, goTo), ...(claims === null ? [] : [claims]));
  setModule(compiled?.module ?? null);
  const chosen = controls.place.value;
  controls.place.replaceChildren(...(compiled?.places ?? []).map(({ id, text }) => element("option", { value: id }, text)));
  if ([...controls.place.options].some(({ value }) => value === chosen)) controls.place.value = chosen;
  say(stateText(problems, compiled));
}

function stateText(problems: Checked["problems"], compiled: Checked["compiled"]): string {
  if (compiled === null) return `The policy has ${counted(problems.length, "error")}.`;
  const { module: bytes, listeners, rules, tests, claims } = compiled;
  const failed = tests.filter(({ passed }) => !passed).length;
  const untrue = claims.filter(({ verdict }) => verdict !== "proven").length;
  return [
    `The policy is valid: ${counted(listeners, "listener")}, ${counted(rules, "rule")}, ${bytes.length} bytes.`,
    problems.length === 0 ? "" : `${counted(problems.length, "warning")}.`,
    failed === 0 ? "" : `${counted(failed, "test line")} failed, so that build writes no module.`,
    untrue === 0 ? "" : `${counted(untrue, "claim")} not proven, so that build writes no module.`,
  ]
    .filter((part) => part !== "")
    .join(" ");
}

function counted(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

async function explainNow(): Promise<void> {
  const request = controls.request.value.trim();
  if (request === "") return parts.decision.replaceChildren(paragraph("Write a request, for example: from 203.0.113.9 to tcp 443"));
  const explained = await answered("explain", { text: editor.text(), request, wallSeconds: now() });
  if (explained !== null) parts.decision.replaceChildren(decisionView(explained, goTo));
}

async function stripNow(first: number): Promise<void> {
  const family = controls.family.value === "6" ? 6 : 4;
  const listener = controls.place.value;
  if (listener === "") return parts.strip.replaceChildren(paragraph("The policy has no listener of the gateway, or it has an error."));
  const strip = await answered("strip", { text: editor.text(), listener: Number(listener), family, first, wallSeconds: now() });
  if (strip !== null) parts.strip.replaceChildren(stripView(strip, PAGE, goTo, (next) => void stripNow(next)));
}

/** Null where the policy is compared with none. */
function olderText(): string | null {
  return controls.older.value.trim() === "" ? null : controls.older.value;
}

async function matrixNow(): Promise<void> {
  const matrix = await answered("matrix", { text: editor.text(), older: olderText() });
  if (matrix !== null) parts.matrix.replaceChildren(matrixView(matrix));
}

function compareWith(older: string | null): void {
  controls.older.value = older ?? "";
  controls.single.disabled = older === null;
  void matrixNow();
}

async function formatNow(): Promise<void> {
  const formatted = await answered("format", { text: editor.text() });
  if (formatted === null) return;
  if ("trouble" in formatted) say(`Not formatted: ${formatted.trouble}`);
  else if (formatted.text !== editor.text()) editor.replace(formatted.text);
  else say("The policy has this layout already.");
}

function downloadNow(): void {
  if (module === null) return;
  const address = URL.createObjectURL(new Blob([module], { type: "application/wasm" }));
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.download = "policy.wasm";
  anchor.click();
  URL.revokeObjectURL(address);
}

async function shareNow(): Promise<void> {
  const request = controls.request.value.trim();
  const { fragment, trouble } = await writeFragment({ policy: editor.text(), older: olderText(), request: request === "" ? null : request });
  if (fragment === null) return say(trouble);
  history.replaceState(null, "", `#${fragment}`);
  controls.link.value = location.href;
  parts.linkBox.hidden = false;
  controls.link.focus();
  controls.link.select();
  say("The address of this page now has the policy in it. It is sent to no server.");
}

async function copyNow(): Promise<void> {
  controls.link.select();
  try {
    await navigator.clipboard.writeText(controls.link.value);
    say("The link is copied.");
  } catch {
    say("The browser does not let this page copy: press Ctrl-C.");
  }
}

function open({ policy, older, request }: Shared): void {
  controls.older.value = older ?? "";
  controls.single.disabled = older === null;
  parts.olderBox.open = older !== null;
  controls.request.value = request ?? "";
  editor.replace(policy);
  void checkNow();
}

function openExample(): void {
  const example = EXAMPLES[controls.example.selectedIndex];
  if (example !== undefined) open({ policy: example.text, older: null, request: example.request });
}

async function openLink(): Promise<void> {
  const read = await readFragment(location.hash.slice(1));
  if (read === null) return;
  if (read.shared !== null) open(read.shared);
  else say(`The policy of the link is not opened: ${read.trouble}`);
}

async function begin(): Promise<void> {
  controls.example.append(...EXAMPLES.map(({ name }) => element("option", {}, name)));
  const on = (id: string, action: () => void): void => byId(id, HTMLButtonElement).addEventListener("click", action);
  on("open", openExample);
  on("format", () => void formatNow());
  on("download", downloadNow);
  on("share", () => void shareNow());
  on("copy", () => void copyNow());
  on("keep", () => compareWith(editor.text()));
  on("single", () => compareWith(null));
  controls.older.addEventListener("change", () => compareWith(olderText()));
  on("stop", () => workshop.stop());
  byId("request-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    void explainNow();
  });
  for (const select of [controls.place, controls.family]) select.addEventListener("change", () => void stripNow(0));
  window.addEventListener("hashchange", () => void openLink());
  if (location.hash === "") return openExample();
  await openLink();
}

void begin();
