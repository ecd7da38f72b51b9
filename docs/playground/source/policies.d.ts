// The build reads policies as text.
declare module "*.ingress" {
  const text: string;
  export { text as default };
}
