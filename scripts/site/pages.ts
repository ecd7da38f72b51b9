// The pages of the documentation site, from the Markdown in docs/: each page where it is, README.md as the first page of its folder, and
// one page for each diagnostic. Links to files that are no page lose their address, since the site has only pages. The playground is there
// beside the pages: a link to the part of its page that says how to open it opens it, and a comment `<!-- site: … -->` is text.
import { posix } from "node:path";

export interface SitePage {
  /** Below the site, with `/`: `how_to/systemd.md`. */
  readonly path: string;
  readonly text: string;
}

export interface SidebarGroup {
  readonly text: string;
  readonly items: readonly { readonly text: string; readonly link: string }[];
}

/** `docs`: the Markdown by its path below docs/. */
export function sitePages(docs: ReadonlyMap<string, string>): readonly SitePage[] {
  const pages = [...docs].map(([path, text]): SitePage => ({ path: pathOf(path), text: withLinks(path, path, text, docs) }));
  return [...pages, ...diagnosticPages(docs)];
}

/** The groups of docs/README.md, each with its pages. */
export function sidebarOf(docs: ReadonlyMap<string, string>): readonly SidebarGroup[] {
  const groups = (docs.get("README.md") ?? "").split(/^\*\*(.+)\*\*$/m).slice(1);
  return groups.flatMap((text, i) => {
    if (i % 2 === 1) return [];
    const links = [...(groups[i + 1] ?? "").matchAll(/^\| \[([^\]]+)\]\(([^)#]+)\)/gm)].map(([, name = "", target = ""]) => ({ text: name, target }));
    return [{ text, items: links.filter(({ target }) => docs.has(target)).map(({ text: name, target }) => ({ text: name, link: addressOf(target) })) }];
  });
}

/** Each section of docs/diagnostics.md as a page of its own: `diagnostics/ING204.md`. */
function diagnosticPages(docs: ReadonlyMap<string, string>): readonly SitePage[] {
  const sections = (docs.get("diagnostics.md") ?? "").split(/^#{2,3} /m).filter((section) => /^ING\d{3}: /.test(section));
  return sections.map((section) => {
    const path = `diagnostics/${section.slice(0, 6)}.md`;
    const text = `# ${section.trimEnd()}\n\n[All diagnostics](diagnostics.md#${anchorOf(section.split("\n")[0] ?? "")})\n`;
    return { path, text: withLinks("diagnostics.md", path, text, docs) };
  });
}

function pathOf(path: string): string {
  return path.replace(/(^|\/)README\.md$/, "$1index.md");
}

function addressOf(path: string): string {
  return `/${pathOf(path)
    .replace(/(^|\/)index\.md$/, "$1")
    .replace(/\.md$/, "")}`;
}

/** As a forge makes them. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/ /g, "-");
}

/** Languages of examples that the site colours; the others are plain. */
const COLOURED = new Set(["c", "diff", "go", "ingress", "ini", "js", "json", "markdown", "nginx", "python", "rust", "sh", "sql", "toml", "ts", "xml", "yaml"]);

/** Fences, which are left apart but for their languages; inline code; images and links. */
const PARTS = /^(?<fence>```+)(?<about>.*)\n(?<lines>[^]*?)^\k<fence>$|`[^`\n]*`|!\[[^\]]*\]\([^)]*\)|\[(?<words>(?:[^\][`]|`[^`]*`)*)\]\((?<link>[^)\s]+)\)/gm;

/** Text of the site alone. */
const FOR_SITE = /<!-- site: (?<text>.*?) -->/g;
/** The playground below the site: a folder of its own, because `playground` is the page about it. */
export const PLAYGROUND = "play/index.html";
/** How the pages of docs/ link to it. */
const OPEN_PLAYGROUND = "playground.md#open-it";

/** `from`: where the text was written; `to`: the page that it is in. */
function withLinks(from: string, to: string, text: string, docs: ReadonlyMap<string, string>): string {
  return text.replace(FOR_SITE, "$<text>").replace(PARTS, (whole: string, ...rest: readonly unknown[]) => {
    const { fence, about = "", lines = "", words = "", link } = rest.at(-1) as Readonly<Record<string, string | undefined>>;
    if (fence !== undefined) return fenceText(fence, about, lines);
    return link === undefined || /^[a-z]+:/.test(link) ? whole : linkText(from, to, words, link, docs);
  });
}

/** `before` and `after` of an example of the diagnostics are words above it. */
function fenceText(fence: string, about: string, lines: string): string {
  const [language = "", kind] = about.trim().split(" ");
  const label = kind === "before" || kind === "after" ? `**${kind}**\n\n` : "";
  return `${label}${fence}${COLOURED.has(language) ? language : ""}\n${lines}${fence}`;
}

/** The words alone, where the link leads to a file that is no page. */
function linkText(from: string, to: string, words: string, link: string, docs: ReadonlyMap<string, string>): string {
  const [file = "", anchor] = link.split("#");
  const target = file === "" ? from : posix.normalize(posix.join(posix.dirname(from), file));
  if (!docs.has(target)) return words;
  // It is no page of the application, which therefore follows no link to it by itself.
  if (`${target}#${anchor ?? ""}` === OPEN_PLAYGROUND) return `<a href="${posix.relative(posix.dirname(pathOf(to)), PLAYGROUND)}" target="_self">${words}</a>`;
  const end = anchor === undefined ? "" : `#${anchor}`;
  if (file === "" && from === to) return `[${words}](${end})`;
  const path = posix.relative(posix.dirname(pathOf(to)), pathOf(target));
  return `[${words}](${path.startsWith(".") ? path : `./${path}`}${end})`;
}
