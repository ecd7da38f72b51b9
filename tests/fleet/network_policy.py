# Decides clients by the text of networking.k8s.io/v1 NetworkPolicy and of Service, and by nothing of this project: a client comes to a
# port of a Service, whose pods are those with all labels of its selector. A pod that no policy of type Ingress selects takes everybody;
# else it takes whom any rule of any policy that selects it admits. A rule without `from` is for all sources, one without `ports` for all ports.
#   network_policy.py MANIFEST CLIENTS ANSWERS      each client: [protocol, source, port]
import ipaddress, json, sys
import kubernetes_validate, yaml

documents = list(yaml.safe_load_all(open(sys.argv[1])))
for document in documents:
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
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
