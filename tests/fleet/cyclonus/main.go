// Decides clients by Cyclonus' reading of NetworkPolicies: a client comes to a port of a Service, whose pods are those with the labels
// of its selector.
//
//	cyclonus MANIFEST CLIENTS ANSWERS      each client: [protocol, source, port]
package main

import (
	"encoding/json"
	"log"
	"os"
	"strings"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	v1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"
)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func bytesOf(path string) []byte {
	bytes, err := os.ReadFile(path)
	must(err)
	return bytes
}

func main() {
	var services []v1.Service
	var policies []*networkingv1.NetworkPolicy
	for _, text := range strings.Split(string(bytesOf(os.Args[1])), "\n---\n") {
		var head struct{ Kind string }
		must(yaml.Unmarshal([]byte(text), &head))
		switch head.Kind {
		case "Service":
			var service v1.Service
			must(yaml.UnmarshalStrict([]byte(text), &service))
			services = append(services, service)
		case "NetworkPolicy":
			policy := &networkingv1.NetworkPolicy{}
			must(yaml.UnmarshalStrict([]byte(text), policy))
			policies = append(policies, policy)
		case "":
		default:
			log.Fatalf("an object of the kind %s", head.Kind)
		}
	}
	policy := matcher.BuildNetworkPolicies(false, policies)
	var clients [][3]interface{}
	must(json.Unmarshal(bytesOf(os.Args[2]), &clients))
	answers := make([]bool, len(clients))
	for i, client := range clients {
		protocol, source, port := v1.Protocol(client[0].(string)), client[1].(string), int32(client[2].(float64))
		for _, service := range services {
			for _, own := range service.Spec.Ports {
				if own.Protocol != protocol || own.Port != port {
					continue
				}
				traffic := &matcher.Traffic{
					Source: &matcher.TrafficPeer{IP: source},
					Destination: &matcher.TrafficPeer{
						Internal: &matcher.InternalPeer{PodLabels: service.Spec.Selector, Namespace: v1.NamespaceDefault},
					},
					ResolvedPort: int(own.TargetPort.IntVal),
					Protocol:     protocol,
				}
				answers[i] = answers[i] || policy.IsTrafficAllowed(traffic).IsAllowed()
			}
		}
	}
	bytes, err := json.Marshal(answers)
	must(err)
	must(os.WriteFile(os.Args[3], bytes, 0o600))
}
