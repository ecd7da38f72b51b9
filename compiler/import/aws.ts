// AWS: the document of `aws ec2 describe-security-groups`.
import type { Context } from "./draft/context.ts";
import { entry, itemsOf, needList, needText, readDocument, textOf, type Doc } from "./draft/document.ts";
import type { Draft } from "./draft/draft.ts";
import { groupExposes, oneGroup, type GroupRule } from "./security_groups.ts";

export function importAws(context: Context): Draft | null {
  const doc = readDocument(context);
  if (doc === null) return null;
  const groups = needList(context, doc, "SecurityGroups", "the document");
  if (groups === null) return null;
  const named = groups.map((group) => ({
    group,
    at: { at: group.at, end: group.at + 1 },
    name: textOf(entry(group, "GroupName")) ?? textOf(entry(group, "GroupId")) ?? "",
  }));
  const one = oneGroup(context, named, "`--group-ids` prints one group alone");
  const permissions = one === null ? null : needList(context, one.group, "IpPermissions", "a security group");
  if (one === null || permissions === null) return null;
  return {
    header: [
      `The security group ${one.name}. No expose has a backend: a group does not say where a service is. Add \`backend\`, or let the services register.`,
    ],
    exposes: groupExposes(
      context,
      one.name,
      permissions.flatMap((permission, i) => ruleOf(context, permission, i)),
    ),
  };
}

function ruleOf(context: Context, permission: Doc, i: number): readonly GroupRule[] {
  const at = { at: permission.at, end: permission.at + 1 };
  const protocol = needText(context, permission, "IpProtocol", "a rule");
  if (protocol === null) return [];
  const parts = (list: string, key: string): readonly Doc[] => itemsOf(entry(permission, list)).flatMap((item) => entry(item, key) ?? []);
  const names = (list: string, key: string, kind: string): readonly string[] => parts(list, key).map((doc) => `${kind} ${textOf(doc) ?? ""}`);
  return [
    {
      at,
      what: `the rule ${i + 1} for ${protocol}`,
      protocol: entry(permission, "IpProtocol"),
      from: entry(permission, "FromPort"),
      to: entry(permission, "ToPort"),
      v4: parts("IpRanges", "CidrIp"),
      v6: parts("Ipv6Ranges", "CidrIpv6"),
      others: [...names("UserIdGroupPairs", "GroupId", "the security group"), ...names("PrefixListIds", "PrefixListId", "the prefix list")],
    },
  ];
}
