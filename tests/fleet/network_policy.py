# Decides clients by the text of networking.k8s.io/v1 NetworkPolicy and of Service, and by nothing of this project: a client comes to a
# port of a Service, whose pods are those with all labels of its selector. A pod that no policy of type Ingress selects takes everybody;
# else it takes whom any rule of any policy that selects it admits. A rule without `from` is for all sources, one without `ports` for all ports.
# What it does not know, such as a peer that is a pod or a selector of expressions, is an error.
#   network_policy.py MANIFEST CLIENTS ANSWERS      each client: [protocol, source, port]
import ipaddress, json, sys
import kubernetes_validate, yaml

documents = list(yaml.safe_load_all(open(sys.argv[1])))
for document in documents:
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def known(table, *keys):
    assert set(table) <= set(keys), f"{sorted(set(table) - set(keys))} in {table}"
    return table


for document in documents:
    known(document, "apiVersion", "kind", "metadata", "spec")
    spec = document["spec"]
    if document["kind"] == "Service":
        known(spec, "type", "externalTrafficPolicy", "selector", "ports", "ipFamilyPolicy")
        assert document["apiVersion"] == "v1" and spec["externalTrafficPolicy"] == "Local" and spec["selector"], document
        for port in spec["ports"]:
            known(port, "name", "protocol", "port", "targetPort")
            assert isinstance(port["targetPort"], int), port
    else:
        assert (document["apiVersion"], document["kind"]) == ("networking.k8s.io/v1", "NetworkPolicy"), document
        known(spec, "podSelector", "policyTypes", "ingress")
        assert spec["policyTypes"] == ["Ingress"] and spec["podSelector"]["matchLabels"], document
        known(spec["podSelector"], "matchLabels")
        for rule in spec.get("ingress") or []:
            known(rule, "ports", "from")
            for port in rule.get("ports", []):
                known(port, "protocol", "port", "endPort")
                assert isinstance(port["port"], int), port
            for peer in rule.get("from", []):
                known(known(peer, "ipBlock")["ipBlock"], "cidr", "except")
services = [d for d in documents if d["kind"] == "Service"]
policies = [d for d in documents if d["kind"] == "NetworkPolicy"]


def selects(policy, labels):
    return all(labels.get(key) == value for key, value in (policy["spec"]["podSelector"].get("matchLabels") or {}).items())


def is_in(peer, source):
    block = peer["ipBlock"]
    inside = lambda text: ipaddress.ip_network(text).version == source.version and source in ipaddress.ip_network(text)
    return inside(block["cidr"]) and not any(inside(text) for text in block.get("except", []))


def covers(port, protocol, number):
    return port.get("protocol", "TCP") == protocol and port["port"] <= number <= port.get("endPort", port["port"])


def admits(rule, protocol, number, source):
    return ("ports" not in rule or any(covers(p, protocol, number) for p in rule["ports"])) and ("from" not in rule or any(is_in(p, source) for p in rule["from"]))


answers = []
for protocol, text, port in json.load(open(sys.argv[2])):
    source, found = ipaddress.ip_address(text), False
    for service in services:
        for own in service["spec"]["ports"]:
            if own["protocol"] != protocol or own["port"] != port:
                continue
            labels = service["spec"]["selector"]
            selecting = [p for p in policies if "Ingress" in p["spec"]["policyTypes"] and selects(p, labels)]
            found = found or not selecting or any(
                admits(rule, protocol, own["targetPort"], source) for p in selecting for rule in p["spec"].get("ingress") or []
            )
    answers.append(found)
json.dump(answers, open(sys.argv[3], "w"))
