//go:build race

package testkit

// Race says that the race detector is on, which allocates on its own account.
const Race = true
