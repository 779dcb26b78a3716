//go:build race

package main

// raceEnabled says that the tests take ten times as long.
const raceEnabled = true
