// The meaning of the parts of what clouds publish: aws, terraform, tailscale.
import { runRows, type Fault, type Row } from "./rows.ts";

/** A plan that makes a group, whose id nobody knows yet, and a rule for port 22 of the group that `references` say. */
const plan = (inside: string, group: string, index: string, references: readonly string[] | null): string => {
  const resources = [
    { type: "aws_security_group", address: `${inside}${group}`, values: { ingress: [] } },
    {
      type: "aws_security_group_rule",
      address: `${inside}aws_security_group_rule.ssh${index}`,
      values: { type: "ingress", protocol: "tcp", from_port: 22, to_port: 22, cidr_blocks: ["0.0.0.0/0"] },
    },
  ];
  const expressions = { security_group_id: references === null ? { constant_value: "sg-9" } : { references } };
  const module = { resources: [{ address: "aws_security_group_rule.ssh", expressions }] };
  return JSON.stringify({
    planned_values: { root_module: inside === "" ? { resources } : { child_modules: [{ resources }] } },
    configuration: { root_module: inside === "" ? module : { module_calls: { m: { module } } } },
  });
};
const permission = (text: string): string => `{"SecurityGroups":[{"GroupName":"g","IpPermissions":[${text}]}]}`;

const ROWS: readonly Row[] = [
  {
    title: "aws: from one end of a range to the other",
    format: "aws",
    text: permission('{"IpProtocol":"tcp","FromPort":0,"ToPort":65535,"IpRanges":[{"CidrIp":"10.0.0.0/8"}]}'),
    admits: ["from 10.0.0.1 to tcp 1", "from 10.0.0.1 to tcp 65535"],
    refuses: ["from 10.0.0.1 to udp 1", "from 192.0.2.1 to tcp 1"],
  },
  {
    title: "aws: a group as a source",
    format: "aws",
    text: permission('{"IpProtocol":"tcp","FromPort":22,"ToPort":22,"UserIdGroupPairs":[{"GroupId":"sg-1"}]}'),
    refuses: ["from 10.0.0.1 to tcp 22"],
    left: [/the security group sg-1/],
  },
  { title: "aws: no rule", format: "aws", text: permission(""), refuses: ["from 10.0.0.1 to tcp 22"] },
  {
    title: "aws: rules for outgoing connections admit nobody",
    format: "aws",
    text: '{"SecurityGroups":[{"GroupName":"g","IpPermissions":[],"IpPermissionsEgress":[{"IpProtocol":"-1","IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]}]}',
    refuses: ["from 10.0.0.1 to tcp 22"],
  },
  {
    title: "terraform: rules of a group that is not known",
    format: "terraform",
    text: '{"planned_values":{"root_module":{"resources":[{"type":"aws_security_group","address":"a","values":{"id":"sg-1","ingress":[]}},{"type":"aws_security_group_rule","address":"r","values":{"type":"ingress","security_group_id":"sg-2","protocol":"tcp","from_port":22,"to_port":22,"cidr_blocks":["0.0.0.0/0"]}}]}}}',
    refuses: ["from 10.0.0.1 to tcp 22"],
    left: [/another security group/],
  },
  ...(
    [
      ["its rule", "", "aws_security_group.web", ["aws_security_group.web.id", "aws_security_group.web"], true],
      ["one of several rules", "", "aws_security_group.web", ["aws_security_group.web.id", "aws_security_group.web"], true, "[0]"],
      ["a rule of a module", "module.m.", "aws_security_group.web", ["aws_security_group.web.id", "aws_security_group.web"], true],
      ["one of several groups", "", "aws_security_group.web[0]", ["aws_security_group.web[0].id", "aws_security_group.web[0]", "aws_security_group.web"], true],
      [
        "another of these groups",
        "",
        "aws_security_group.web[0]",
        ["aws_security_group.web[1].id", "aws_security_group.web[1]", "aws_security_group.web"],
        false,
      ],
      ["a rule of a group that is there already", "", "aws_security_group.web", ["data.aws_security_group.old.id", "data.aws_security_group.old"], false],
      ["a rule of a variable", "", "aws_security_group.web", ["var.group"], false],
      ["a rule of this group or another", "", "aws_security_group.web", ["aws_security_group.web.id", "aws_security_group.web", "var.group"], false],
      ["a rule of something else of the group", "", "aws_security_group.web", ["aws_security_group.web.vpc_id", "aws_security_group.web"], false],
      ["a rule of an id", "", "aws_security_group.web", null, false],
    ] as const
  ).map(([title, inside, group, references, isOwn, index = ""]): Row => ({
    title: `terraform: a plan with one new group and ${title}`,
    format: "terraform",
    text: plan(inside, group, index, references),
    ...(isOwn ? { admits: ["from 10.0.0.1 to tcp 22"] } : { refuses: ["from 10.0.0.1 to tcp 22"], left: [/another security group, or the plan does not say/] }),
  })),
  {
    title: "tailscale: from any device is from its addresses",
    format: "tailscale",
    text: '{"acls":[{"action":"accept","src":["*"],"dst":["*:22",]}]} // all',
    admits: ["from 100.64.0.1 to tcp 22"],
    refuses: ["from 192.0.2.1 to tcp 22", "from 100.64.0.1 to tcp 23"],
  },
  {
    title: "tailscale: a group is nobody",
    format: "tailscale",
    text: '{"acls":[{"action":"accept","src":["group:a"],"dst":["*:22"]}]}',
    refuses: ["from 100.64.0.1 to tcp 22"],
    left: [/group:a/],
  },
  {
    title: "tailscale: a tag may be any host",
    format: "tailscale",
    text: '{"acls":[{"action":"accept","src":["*"],"dst":["tag:a:22"]}]}',
    refuses: ["from 100.64.0.1 to tcp 22"],
    left: [/tag:a/],
  },
];

const FAULTS: readonly Fault[] = [
  ["aws", "{}", /^ING874 the document has no `SecurityGroups`/],
  ["aws", '{"SecurityGroups":[]}', /^ING875 it has no security group/],
  ["aws", permission('{"FromPort":1}'), /^ING874 a rule has no `IpProtocol`/],
  ["aws", permission('{"IpProtocol":"tcp","FromPort":80}'), /^ING874 .*has no range of ports/],
  ["aws", permission('{"IpProtocol":"tcp","FromPort":81,"ToPort":80}'), /^ING874 .*has no range of ports/],
  ["aws", permission('{"IpProtocol":"tcp","FromPort":80,"ToPort":65536}'), /^ING874 .*has no range of ports/],
  ["aws", permission('{"IpProtocol":"tcp","FromPort":80,"ToPort":80,"IpRanges":[{"CidrIp":"2001:db8::/32"}]}'), /^ING874 this is no prefix of IPv4/],
  ["aws", permission('{"IpProtocol":"tcp","FromPort":80,"ToPort":80,"IpRanges":[{"CidrIp":"10.0.0.0/33"}]}'), /^ING874 this is no prefix of IPv4/],
  ["terraform", "{}", /^ING873 it has neither `values` nor `planned_values`/],
  ["terraform", '{"values":{"root_module":{"resources":[{}]}}}', /^ING874 this resource has no `type`/],
  ["terraform", '{"values":{"root_module":{}}}', /^ING875 it has no security group/],
  ["tailscale", '{"groups":{}}', /^ING875 it has neither `acls` nor `grants`/],
  ["tailscale", '{"acls":{}}', /^ING874 `acls` is not a list/],
  ["tailscale", '{"acls":[{"action":"drop","src":["*"],"dst":["*:1"]}]}', /^ING874 this acl has no `action`/],
  ["tailscale", '{"acls":[{"action":"accept","src":["*"],"dst":["*"]}]}', /^ING874 this is no host with its ports/],
  ["tailscale", '{"acls":[{"action":"accept","src":["*"],"dst":["*:0"]}]}', /^ING874 this is no host with its ports/],
  ["tailscale", '{"acls":[], /* no end', /^ING873 this is not JSON/],
];

runRows("import_clouds", ROWS, FAULTS);
