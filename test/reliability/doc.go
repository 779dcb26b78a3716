// Package reliability holds the tests that put the SDK through faults, bad
// input and load, from outside, against the service of hacarustest. They record
// what they found in docs/reliability.md.
package reliability
