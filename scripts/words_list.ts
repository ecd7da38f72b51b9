// The private words that docs/glossary.md replaces, and the uses of them that are plain English.

/** Words that this project used in a sense of its own, with their forms. */
export const PRIVATE = new RegExp(
  `\\b(?:${[
    "stands?",
    "stood",
    "standing",
    "holds?",
    "held",
    "holding",
    "mend(?:s|ed|ing)?",
    "tells?",
    "told",
    "telling",
    "ask(?:s|ed|ing|er)?",
    "leaves?",
    "leaving",
    "doors?",
    "homes",
    "carry",
    "carries",
    "carried",
    "carrying",
    "sure",
    "elsewhere",
    "borrow(?:s|ed|ing)?",
    "understood",
    "waiting",
    "deals?",
    "former",
    "whoever",
    "(?:goes|go|went|gone|going) on",
  ].join("|")})\\b`,
  "gi",
);

interface Sentence {
  readonly name: string;
  readonly found: RegExp;
}

/** Sentences that make a reader stop. */
export const SENTENCES: readonly Sentence[] = [
  // "What nobody allows is denied." A question may begin so.
  { name: "subjectless sentence", found: /(?:^\W*|(?<=[.!?:;]\s+))(?:What|Who)\b(?![^.!?]*\?)[^.!?]*[.!]/g },
  // "No list is read: nobody wants it." A definition, after code or a value, may have a colon.
  {
    name: "colon instead of because",
    found:
      /(?<=[a-z)])(?<!\b(?:null|undefined|true|false)): (?:it|they|nobody|nothing|there|he|she|we|you) (?:is|are|was|were|has|have|had|can|can't|could|would|will|must|may|might|does|doesn't|do|don't|did|needs?|wants?)\b/g,
  },
];

interface Allowed {
  readonly use: RegExp;
  readonly why: string;
}

/** Uses that the field knows; each is taken out of the text before the words are counted. */
export const ALLOWED: readonly Allowed[] = [
  { use: /\bcarry (?:bit|flag|out)\b/gi, why: "arithmetic, and the plain verb" },
  { use: /\bstand-?ins?\b|\bstand-?alone\b/gi, why: "plain nouns" },
  { use: /\b(?:threads?|inline|radix|trie|tree|u16) leaves\b|\bleaves of (?:a|the) (?:trie|tree)\b/gi, why: "the plural of leaf" },
  { use: /\bon hold\b|\bhold(?:s|ing)? (?:a|the|its|one|that) (?:lock|mutex)\b|\block (?:is|was) held\b/gi, why: "locks are held" },
  { use: /\bwaiting per source\b|\bcaps\.waiting\b|^waiting$|\bcap_? ?waiting\b/gi, why: "keys of the configuration, and codes" },
  { use: /\bopen,? waiting\b|\bwaiting,? reading\b/gi, why: "the name of a connection's state" },
  { use: /\bFrequently asked questions\b/gi, why: "a heading that everybody knows" },
  { use: /\bexpose gone on tcp\b/g, why: "an expose by the name of gone" },
  { use: /\bTime_?wait(?:ing)?\b/gi, why: "a state of TCP" },
];
