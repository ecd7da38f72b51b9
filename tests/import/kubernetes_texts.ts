// Objects of Kubernetes.

/** Of JSON. */
export const service = (metadata: string, spec: string): string =>
  `{"apiVersion":"v1","kind":"Service","metadata":{"name":"a",${metadata}},"spec":{${spec},"ports":[{"port":80}]}}`;

/** Of YAML, in block style; `more` is of its spec. */
export function yamlService(type: string, more = "externalName: x"): string {
  return `kind: Service\nmetadata: {name: a}\nspec:\n  type: ${type}\n  ports: [{port: 80}]\n  ${more}\n`;
}

export function yamlPolicy(spec: string, more = "labels: {}"): string {
  return `kind: NetworkPolicy\nmetadata: {name: p, ${more}}\nspec:\n  ${spec}\n`;
}
