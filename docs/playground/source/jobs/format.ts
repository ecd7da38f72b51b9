// The policy in the one layout of `ingressc fmt`.
import { formatPolicy } from "../../../../compiler/library.ts";
import { FILE } from "./compiled.ts";

export function format({ text }: { readonly text: string }): { readonly text: string } | { readonly trouble: string } {
  const formatted = formatPolicy({ path: FILE, text });
  if (formatted.ok) return { text: formatted.value };
  const [first] = formatted.error;
  return { trouble: first === undefined ? "the policy has an error" : `line ${first.place.start.line}: ${first.message}` };
}
