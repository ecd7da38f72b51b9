// The status page: four files of this port alone. The page reads /status.json once a second and has nothing of another host.
import type { HttpPage } from "../control/http.ts";
import { PAGE_SCRIPT } from "./status_page_script.ts";

const HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>ingressd</title>
<link rel="icon" href="/status.svg" type="image/svg+xml">
<link rel="stylesheet" href="/status.css">
<script src="/status.js" defer></script>
</head>
<body>
<header><h1>ingressd</h1><p id="state" role="status">loading</p></header>
<p id="source"></p>
<main>
<section id="tiles" aria-label="Totals"></section>
<section><h2>Listeners</h2><div class="wide"><table id="listeners"></table></div></section>
<section><h2>Backends</h2><div class="wide"><table id="backends"></table></div></section>
<section><h2>Refusals by reason</h2><div class="wide"><table id="refusals"></table></div></section>
<section><h2>Sources refused most</h2><div class="wide"><table id="sources"></table></div></section>
<section><h2>Rules</h2><div class="wide"><table id="rules"></table></div></section>
<section><h2>Certificates</h2><div class="wide"><table id="certificates"></table></div></section>
<section><h2>Last reloads</h2><div class="wide"><table id="reloads"></table></div></section>
</main>
<noscript>This page needs JavaScript; <code>ingressd status</code> shows the same.</noscript>
</body>
</html>
`;

const CSS = `:root { color-scheme: light dark; --text: #1b1f24; --dim: #57606a; --line: #d0d7de; --back: #ffffff; --tile: #f6f8fa; --good: #1a7f37; --bad: #b32d20; --mark: #9a6700 }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --dim: #9198a1; --line: #30363d; --back: #0d1117; --tile: #161b22; --good: #4ac26b; --bad: #ff7b72; --mark: #d29922 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1rem 1.5rem 3rem; max-width: 76rem; font: 15px/1.45 system-ui, sans-serif; color: var(--text); background: var(--back) }
header { display: flex; align-items: baseline; gap: 1rem; flex-wrap: wrap }
h1 { font-size: 1.5rem; margin: 0 }
h2 { font-size: 1.05rem; margin: 1.8rem 0 .4rem }
#state { margin: 0; color: var(--dim) }
#state.good { color: var(--good) }
#source { margin: .2rem 0 0; color: var(--dim) }
#source.bad { color: var(--bad) }
#state.bad, td.bad { color: var(--bad); font-weight: 600 }
td.mark { color: var(--mark); font-weight: 600 }
#tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .75rem; margin-top: 1rem }
.tile { background: var(--tile); border: 1px solid var(--line); border-radius: 6px; padding: .6rem .8rem }
.tile b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums }
.tile span { color: var(--dim); font-size: .85rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th { text-align: left; font-weight: 600; color: var(--dim); font-size: .85rem }
th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
td.none { color: var(--dim) }
td { overflow-wrap: break-word }
`;

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M2 15V6l6-5 6 5v9h-4v-6H6v6z" fill="#57606a"/></svg>\n`;

const PAGES: ReadonlyMap<string, HttpPage> = new Map([
  ["/", { status: 200, text: HTML, type: "text/html; charset=utf-8" }],
  ["/status.css", { status: 200, text: CSS, type: "text/css; charset=utf-8" }],
  ["/status.svg", { status: 200, text: ICON, type: "image/svg+xml" }],
  ["/status.js", { status: 200, text: PAGE_SCRIPT, type: "text/javascript; charset=utf-8" }],
]);

/** Null where the path is none of the page's. */
export function statusPage(path: string): HttpPage | null {
  return PAGES.get(path) ?? null;
}
