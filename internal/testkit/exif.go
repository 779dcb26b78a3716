package testkit

import "slices"

// onItsSide is an EXIF segment that notes orientation 6: to be seen upright, what is
// stored is turned by a quarter clockwise.
const onItsSide = "\xff\xe1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"

// OnItsSide returns a JPEG file as a camera writes it that was held sideways.
func OnItsSide(jpeg []byte) []byte { return slices.Concat(jpeg[:2], []byte(onItsSide), jpeg[2:]) }
