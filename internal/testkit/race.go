//go:build race

package testkit

// Race says that the race detector is on, which makes allocations of its own.
const Race = true
