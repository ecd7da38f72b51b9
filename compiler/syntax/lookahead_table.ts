// Written by `npm run lookahead` from the grammar, with Chevrotain. Don't edit it.
//
// For each decision of each rule the tokens that begin its alternatives: ` | ` is between alternatives, a comma between the
// sequences that begin one, and a space between the tokens of a sequence.
export const LOOKAHEAD_TABLE = `
set OPTION: kw_except
members MANY: Comma
member OR: kw_file Text | kw_uri Text, kw_dns Text, kw_ip Text, kw_sha256 Text | Text | Word
file OPTION: kw_min
identity OR: kw_uri | kw_dns | kw_ip | kw_sha256
identities OR: kw_uri, kw_dns, kw_ip, kw_sha256 | Param
identities AT_LEAST_ONE_SEP: kw_uri, kw_dns, kw_ip, kw_sha256, Param
protos MANY: Comma
proto OR: kw_tcp | kw_udp
test MANY: kw_from, kw_repeat, kw_bind
testHead OPTION: kw_at
testLine OR: kw_from | kw_repeat | kw_bind
fromLine MANY: Comma
repeatLine OPTION: kw_closing
request MANY: kw_sni, kw_client
request OPTION: kw_via
target OR: kw_tcp, kw_udp | Name
target OPTION: kw_local
fact OR: kw_sni | kw_client
bindLine OPTION: kw_tcp, kw_udp
outcome OR: kw_allow | kw_deny
outcome OPTION: Integer
outcome OPTION2: kw_by
reason OR: Name
invariant MANY: kw_never, kw_only, kw_always
claim OR: kw_never | kw_only | kw_always
claim MANY: kw_from, kw_sni, kw_client
claim MANY2: kw_from, kw_sni, kw_client
claim OPTION: kw_as
claim OPTION2: kw_at
predicate OR: kw_from | kw_sni | kw_client
subject OR: kw_tcp, kw_udp | Name
budget MANY: kw_ports, kw_rules, kw_prefixes, kw_connections, kw_module, kw_steps
bound OR: kw_ports | kw_rules | kw_prefixes | kw_connections | kw_module | kw_steps
backends MANY: Comma
backends OPTION: kw_proxy
backend OR: kw_unix Text | kw_remote Word | Word
backend OR2: Word
proxy OR: Word
credential OR: kw_cert | kw_ca
credential MANY: Comma
alpn MANY: Comma
cap OR: kw_connections | kw_per
cap MANY: Comma
capKey OR: kw_source | kw_identity
amplify OR: Word
limit OPTION: kw_burst
limitKey OR: kw_source | kw_listener | kw_identity
sourceKey OPTION: Slash
sourceKey OPTION2: kw_from
dryrun OR: kw_allow, kw_deny | kw_cap | kw_limit
rule OR: kw_allow | kw_deny
rule MANY: kw_named, kw_on, kw_from, kw_sni, kw_client, kw_after, kw_until
matcher OR: kw_named | kw_on | kw_from | kw_sni | kw_client | kw_after | kw_until
use OR: Name | Qualified
use MANY_SEP: kw_file, kw_uri, kw_dns, kw_ip, kw_sha256, Text, Word
annotation OPTION: Name
policy MANY: kw_edition, kw_import, kw_net, kw_ports, kw_hosts, kw_ids, kw_expose, kw_dial, kw_allow, kw_deny, kw_dryrun, kw_template, kw_use, kw_budget, kw_invariant, kw_test, At
statement OR: kw_edition | kw_import | kw_net, kw_ports, kw_hosts, kw_ids | kw_expose | kw_dial | kw_allow, kw_deny | kw_dryrun | kw_template | kw_use | kw_budget | kw_invariant | kw_test | At
declaration OR: kw_net | kw_ports | kw_hosts | kw_ids
expose MANY: kw_backend, kw_cert, kw_ca, kw_alpn, kw_cap, kw_limit, kw_amplify, kw_allow, kw_deny, kw_dryrun, kw_use, At
exposeHead OPTION: kw_service
exposeHead OPTION2: kw_bind
exposeHead OPTION3: kw_via
exposeHead OPTION4: kw_for
exposeHead OPTION5: kw_as
clause OR: kw_backend | kw_cert, kw_ca | kw_alpn | kw_cap | kw_limit | kw_amplify | kw_allow, kw_deny | kw_dryrun | kw_use | At
template MANY: kw_net, kw_ports, kw_hosts, kw_ids, kw_expose, kw_dial, kw_budget, kw_invariant, kw_test, kw_backend, kw_cert, kw_ca, kw_alpn, kw_cap, kw_limit, kw_amplify, kw_allow, kw_deny, kw_dryrun, kw_use, At
templateHead MANY_SEP: Param
bodyItem OR: kw_net, kw_ports, kw_hosts, kw_ids | kw_expose | kw_dial | kw_budget | kw_invariant | kw_test | kw_backend | kw_cert, kw_ca | kw_alpn | kw_cap | kw_limit | kw_amplify | kw_allow, kw_deny | kw_dryrun | kw_use | At
`;
