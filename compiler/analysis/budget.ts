/** Nodes that an analysis may make, where nothing else is said. The commands that take `--nodes` read it without loading the analysis. */
export const MOST_NODES = 4_000_000;
