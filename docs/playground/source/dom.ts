// Makes elements of the page. Texts of a policy, a link or the worker become text, never markup, and nothing here parses HTML.

export type Child = Node | string | null;
type Attributes = Readonly<Record<string, string | number | boolean>>;

/** Attributes that could run code or make a request; nothing here sets one. */
const REFUSED = /^(?:on|style$|src|href$|action$|formaction$|xlink:)/i;
const SVG = "http://www.w3.org/2000/svg";

export function element<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: readonly Child[]): HTMLElementTagNameMap[K] {
  return filled(document.createElement(tag), attributes, children);
}

export function shape<K extends keyof SVGElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: readonly Child[]): SVGElementTagNameMap[K] {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled<E extends Element>(made: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (REFUSED.test(name)) throw new Error(`the page does not set ${name}`);
    if (value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** The element of the page with this id. */
export function byId<E extends Element>(id: string, kind: new () => E): E {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${id}`);
  return found;
}

/** A button that does something when it is clicked, or chosen with Enter or the space bar. */
export function button(text: string, action: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const made = element("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", action);
  return made;
}

/** A table in a part that scrolls, which the keyboard reaches too. */
export function table(caption: string, heads: readonly string[], rows: readonly (readonly Child[])[]): HTMLElement {
  return element(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    element(
      "table",
      {},
      element("caption", {}, caption),
      element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
      element(
        "tbody",
        {},
        ...rows.map((row) => element("tr", {}, ...row.map((cell, i) => element(i === 0 ? "th" : "td", i === 0 ? { scope: "row" } : {}, cell)))),
      ),
    ),
  );
}

/** A text of the compiler, in which backticks enclose code; one without its partner is a character. */
export function words(text: string): readonly Node[] {
  return text.split(/(`[^`]+`)/).map((part, i) => (i % 2 === 1 ? element("code", {}, part.slice(1, -1)) : document.createTextNode(part)));
}

/** A picture that scrolls where the page is narrower than its text needs. */
export function picture(name: string, drawn: SVGSVGElement): HTMLElement {
  return element("div", { class: "picture", tabindex: 0, role: "group", "aria-label": `Picture: ${name}` }, drawn);
}

export function paragraph(text: string | readonly Node[], attributes: Attributes = {}): HTMLParagraphElement {
  return element("p", attributes, ...(typeof text === "string" ? [text] : text));
}
