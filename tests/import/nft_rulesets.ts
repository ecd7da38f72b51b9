// Rulesets in the shapes that nftables' documentation has, written for these tests.
export const NFT_RULESETS: Readonly<Record<string, string>> = {
  web_host: `table inet filter {
  chain input {
    type filter hook input priority filter; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
    iif "lo" accept
    ip protocol icmp accept
    meta l4proto ipv6-icmp accept
    tcp dport { 80, 443 } accept
    udp dport 443 accept
    ip saddr 198.51.100.0/24 tcp dport 22 accept
    ip6 saddr 2001:db8:1::/48 tcp dport 22 accept
  }
  chain output { type filter hook output priority filter; policy accept; }
}
`,
  sets_and_chains: `table inet fw {
  set trusted { type ipv4_addr; flags interval; elements = { 10.8.0.0/16, 198.51.100.0/24 } }
  set trusted6 { type ipv6_addr; flags interval; elements = { 2001:db8:1::/48 } }
  set exceptions { type ipv4_addr . inet_service; flags interval; elements = { 203.0.113.0/24 . 8000-8010, 192.0.2.7 . 5432 } }
  map by_port { type inet_service : verdict; elements = { 22 : jump admin, 80 : accept, 25 : drop } }
  chain admin {
    ip saddr 198.51.100.66 drop
    ip saddr @trusted accept
    ip6 saddr @trusted6 accept
    return
  }
  chain input {
    type filter hook input priority 0; policy drop;
    ct state established,related accept
    tcp dport vmap @by_port
    ip saddr . tcp dport @exceptions accept
    ip daddr 10.0.0.2 tcp dport 8443 accept
    udp dport { 53, 123 } ip saddr @trusted accept
    meta l4proto { tcp, udp } th dport 9000-9009 ip saddr != 203.0.113.0/25 accept
  }
}
`,
  open_but_for_some: `table inet filter {
  chain input {
    type filter hook input priority 0; policy accept;
    tcp dport { 3306, 5432, 6379 } ip saddr != 10.8.0.0/16 drop
    tcp dport { 3306, 5432, 6379 } meta nfproto ipv6 drop
    ip saddr { 192.0.2.0/24, 203.0.113.7 } reject
  }
}
`,
  two_families: `table ip filter {
  chain INPUT { type filter hook input priority 0; policy drop;
    tcp dport 22 ip saddr 198.51.100.0/24 counter accept
    tcp dport 443 accept
  }
}
table ip6 filter {
  chain INPUT { type filter hook input priority 0; policy drop;
    tcp dport 443 accept
  }
}
`,
  what_no_policy_knows: `table inet filter {
  set blocked { type ipv4_addr; flags dynamic, timeout; timeout 1h; elements = { 203.0.113.7 timeout 1h } }
  chain pre {
    type nat hook prerouting priority dstnat; policy accept;
    tcp dport 8080 redirect to :443
  }
  chain input {
    type filter hook input priority 0; policy drop;
    ip saddr @blocked drop
    iifname "other" tcp dport 5432 accept
    iifname != "near" tcp dport 5432-5433 drop
    tcp dport 22 limit rate 2/second accept
    tcp dport 80 ct count over 20 reject
    tcp dport { 80, 443, 8080 } accept
    tcp dport 8443 meter flood { ip saddr limit rate over 100/second } drop
    tcp dport 8443 accept
    udp dport 53 accept
  }
}
`,
};
