// Terraform: the document of `terraform show -json`, of a state or a plan; its security groups of AWS.
import type { Context } from "./draft/context.ts";
import { entry, itemsOf, numberOf, readDocument, textOf, type Doc } from "./draft/document.ts";
import type { Draft } from "./draft/draft.ts";
import { groupExposes, oneGroup, type GroupRule } from "./security_groups.ts";

const HELP = "give the output of `terraform show -json`, or of `terraform show -json PLAN`";
const MAX_MODULES = 64;

interface Resource {
  readonly doc: Doc;
  readonly type: string;
  readonly address: string;
  readonly values: Doc | null;
}

export function importTerraform(context: Context): Draft | null {
  const doc = readDocument(context);
  if (doc === null) return null;
  const root = entry(entry(doc, "values") ?? entry(doc, "planned_values"), "root_module");
  if (root === null) return context.fault("ING873", { at: doc.at, end: doc.at + 1 }, "it has neither `values` nor `planned_values` with a `root_module`", HELP);
  const resources = resourcesOf(context, root, 0);
  if (context.faults.length > 0) return null;
  const groups = resources.filter(({ type }) => type === "aws_security_group" || type === "aws_default_security_group");
  const named = groups.map((group) => ({
    ...group,
    name: textOf(entry(group.values, "name")) ?? group.address,
    at: { at: group.doc.at, end: group.doc.at + 1 },
  }));
  const one = oneGroup(context, named, "`-target` makes a plan of one group alone");
  if (one === null) return null;
  const id = textOf(entry(one.values, "id"));
  const separate = resources.filter(({ type }) => type === "aws_security_group_rule" || type === "aws_vpc_security_group_ingress_rule");
  const own = separate.filter((rule) => belongs(context, rule, id, one.address, entry(doc, "configuration")));
  const rules = [...itemsOf(entry(one.values, "ingress")).map((rule, i) => inline(rule, `${one.address}, ingress ${i + 1}`)), ...own.flatMap(ruleOf)];
  return {
    header: [
      `The security group ${one.name}. No expose has a backend: a group does not say where a service is. Add \`backend\`, or let the services register.`,
    ],
    exposes: groupExposes(context, one.name, rules),
  };
}

function resourcesOf(context: Context, module: Doc, depth: number): readonly Resource[] {
  if (depth > MAX_MODULES) {
    context.fault("ING877", { at: module.at, end: module.at + 1 }, `modules are nested more than ${MAX_MODULES} deep here`, HELP);
    return [];
  }
  const own = itemsOf(entry(module, "resources")).flatMap((doc): readonly Resource[] => {
    const [type, address] = [textOf(entry(doc, "type")), textOf(entry(doc, "address"))];
    if (type === null || address === null) {
      context.fault("ING874", { at: doc.at, end: doc.at + 1 }, "this resource has no `type` or no `address`", HELP);
      return [];
    }
    return textOf(entry(doc, "mode")) === "data" ? [] : [{ doc, type, address, values: entry(doc, "values") }];
  });
  return [...own, ...itemsOf(entry(module, "child_modules")).flatMap((child) => resourcesOf(context, child, depth + 1))];
}

/** A plan does not know the id of a group that it is to make; its configuration says which group a rule names. */
function belongs(context: Context, { doc, address, values }: Resource, id: string | null, group: string, configuration: Doc | null): boolean {
  const named = textOf(entry(values, "security_group_id"));
  if (named === null ? namesGroup(configuration, address, group) : named === id) return true;
  context.omit({ at: doc.at, end: doc.at + 1 }, address, "it is of another security group, or the plan does not say of which");
  return false;
}

const INDEX = /\[(?:\d+|"(?:[^"\\]|\\.)*")\]/g;
const MODULES = /^(?:module\.[^.[]+(?:\[(?:\d+|"(?:[^"\\]|\\.)*")\])?\.)*/;

/** Whether `security_group_id` of a rule is the id of the group at `group` and nothing else; both are in one module. */
function namesGroup(configuration: Doc | null, address: string, group: string): boolean {
  const inside = MODULES.exec(address)?.[0] ?? "";
  if (!group.startsWith(inside)) return false;
  const calls = [...inside.replace(INDEX, "").matchAll(/module\.([^.]+)\./g)].map(([, name = ""]) => name);
  const module = calls.reduce<Doc | null>((at, name) => entry(entry(entry(at, "module_calls"), name), "module"), entry(configuration, "root_module"));
  const local = address.slice(inside.length).replace(INDEX, "");
  const resource = itemsOf(entry(module, "resources")).find((one) => textOf(entry(one, "address")) === local);
  const references = itemsOf(entry(entry(entry(resource, "expressions"), "security_group_id"), "references")).map(textOf);
  const wanted = `${group.slice(inside.length)}.id`;
  // A plan lists `aws_security_group.web` too, with which `aws_security_group.web.id` begins.
  return references.includes(wanted) && references.every((reference) => reference !== null && wanted.startsWith(reference));
}

function inline(rule: Doc, what: string): GroupRule {
  const list = (key: string): readonly Doc[] => itemsOf(entry(rule, key));
  const self = entry(rule, "self");
  const isSelf = self?.kind === "word" && self.value === true;
  return {
    at: { at: rule.at, end: rule.at + 1 },
    what,
    protocol: entry(rule, "protocol"),
    from: entry(rule, "from_port"),
    to: entry(rule, "to_port"),
    v4: list("cidr_blocks"),
    v6: list("ipv6_cidr_blocks"),
    others: [
      ...list("security_groups").map((doc) => `the security group ${textOf(doc) ?? ""}`),
      ...list("prefix_list_ids").map((doc) => `the prefix list ${textOf(doc) ?? ""}`),
      ...(isSelf ? ["the security group itself"] : []),
    ],
  };
}

function ruleOf({ type, address, values, doc }: Resource): readonly GroupRule[] {
  if (values === null) return [];
  if (type === "aws_security_group_rule") {
    if (textOf(entry(values, "type")) !== "ingress") return [];
    const source = textOf(entry(values, "source_security_group_id"));
    const rule = inline(values, address);
    return [{ ...rule, others: source === null ? rule.others : [...rule.others, `the security group ${source}`] }];
  }
  const one = (key: string): readonly Doc[] => {
    const value = entry(values, key);
    return value?.kind === "text" ? [value] : [];
  };
  const [from, to] = [entry(values, "from_port"), entry(values, "to_port")];
  return [
    {
      at: { at: doc.at, end: doc.at + 1 },
      what: address,
      protocol: entry(values, "ip_protocol"),
      from,
      to: numberOf(to) === null ? from : to,
      v4: one("cidr_ipv4"),
      v6: one("cidr_ipv6"),
      others: [
        ...one("referenced_security_group_id").map((id) => `the security group ${textOf(id) ?? ""}`),
        ...one("prefix_list_id").map((id) => `the prefix list ${textOf(id) ?? ""}`),
      ],
    },
  ];
}
