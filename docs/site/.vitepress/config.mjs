// How VitePress builds the pages that scripts/site/main.ts has staged: search, one sidebar, nothing from another place.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const staged = fileURLToPath(new URL("../../../dist/site/", import.meta.url));
/** @type {readonly { readonly text: string, readonly items: readonly { readonly text: string, readonly link: string }[] }[]} */
const sidebar = JSON.parse(readFileSync(`${staged}sidebar.json`, "utf8"));

/** The grammar of policies that VS Code has. */
const ingress = JSON.parse(readFileSync(fileURLToPath(new URL("../../editors/vscode/syntaxes/ingress.tmLanguage.json", import.meta.url)), "utf8"));

/** As a forge makes the anchors of headings, which the pages name in their links. */
const slugify = (/** @type {string} */ heading) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/ /g, "-");

const config = {
  title: "ingressd",
  description: "Policy as code for inbound network exposure",
  srcDir: `${staged}pages`,
  outDir: `${staged}public`,
  cacheDir: `${staged}cache`,
  cleanUrls: true,
  lastUpdated: false,
  // Browsers request an icon where none is named.
  head: [["link", { rel: "icon", href: "data:," }]],
  markdown: { anchor: { slugify }, languages: [ingress] },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    sidebar,
    nav: [
      { text: "Tutorial", link: "/tutorial" },
      { text: "Quick start", link: "/quick_start" },
      { text: "Language", link: "/language" },
      { text: "Diagnostics", link: "/diagnostics" },
      // A page of its own, which is no part of this application.
      { text: "Playground", link: "/play/index.html", target: "_self" },
    ],
  },
};

export { config as default };
