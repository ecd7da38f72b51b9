// The editor. It is in a shadow root, because its style sheets are then made by script alone, and the page's security policy
// needs to allow no others.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { lintGutter, lintKeymap, setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { highlighting } from "./highlight.ts";
import type { Problem } from "./messages.ts";

export interface Editor {
  text(): string;
  /** Replaces everything; one step of undo. */
  replace(text: string): void;
  edit(from: number, to: number, text: string): void;
  show(problems: readonly Problem[]): void;
  goTo(line: number, column: number): void;
}

const theme = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--page)", fontSize: "14px", height: "30rem" },
  "&.cm-focused": { outline: "3px solid var(--focus)" },
  ".cm-scroller": { fontFamily: 'ui-monospace, "DejaVu Sans Mono", monospace', overflow: "auto" },
  ".cm-content": { caretColor: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "var(--panel)", color: "var(--soft)", border: "none" },
  ".cm-activeLine": { backgroundColor: "transparent" },
  "&.cm-focused .cm-activeLine": { backgroundColor: "var(--panel)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--line)" },
  ".cm-tooltip": { backgroundColor: "var(--panel)", color: "var(--ink)", border: "1px solid var(--soft)" },
  // In place of the images of the lint package: the page loads no image.
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--deny)" },
  ".cm-lintRange-warning": { backgroundImage: "none", textDecoration: "underline wavy var(--open)" },
  ".cm-lint-marker": { width: "0.6em", height: "0.6em", margin: "0.35em 0.2em" },
  ".cm-lint-marker-error": { content: "normal", borderRadius: "50%", backgroundColor: "var(--deny)" },
  ".cm-lint-marker-warning": { content: "normal", backgroundColor: "var(--open)" },
  ".cm-diagnosticAction": { backgroundColor: "var(--page)", color: "var(--ink)", border: "1px solid var(--soft)" },
});

/** `changed` is called after each change of the text. */
export function openEditor(parent: HTMLElement, changed: () => void): Editor {
  const root = parent.attachShadow({ mode: "open" });
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      extensions: [
        lineNumbers(),
        lintGutter(),
        history(),
        drawSelection(),
        highlightActiveLine(),
        highlighting,
        theme,
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": "Policy text", spellcheck: "false", tabindex: "0" }),
        keymap.of([...defaultKeymap, ...historyKeymap, ...lintKeymap]),
        EditorView.updateListener.of(({ docChanged }) => {
          if (docChanged) changed();
        }),
      ],
    }),
  });
  const edit = (from: number, to: number, text: string): void => view.dispatch({ changes: { from, to, insert: text }, scrollIntoView: true });
  const last = (at: number): number => Math.min(at, view.state.doc.length);
  return {
    text: () => view.state.doc.toString(),
    replace: (text) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, selection: { anchor: 0 }, scrollIntoView: true }),
    edit,
    show(problems) {
      const shown = problems.map(({ severity, code, message, help, place, fix }): Diagnostic => ({
        from: last(place.from),
        to: last(place.to),
        severity,
        source: code,
        message: help === null ? message : `${message}\nhelp: ${help}`,
        actions: fix === null ? [] : [{ name: "Apply fix", apply: () => edit(last(fix.from), last(fix.to), fix.text) }],
      }));
      view.dispatch(setDiagnostics(view.state, shown));
    },
    goTo(line, column) {
      const at = view.state.doc.line(Math.min(Math.max(line, 1), view.state.doc.lines));
      view.dispatch({ selection: { anchor: Math.min(at.from + column - 1, at.to) }, scrollIntoView: true });
      view.focus();
    },
  };
}
