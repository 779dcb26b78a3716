// Package testdata gives the pictures beside it to the programs of this
// repository that show what they do.
package testdata

import "embed"

// Plates are the plates to train with and to inspect, in plates/train and
// plates/inspect.
//
//go:embed plates/train plates/inspect
var Plates embed.FS
