package overlay

import (
	"bytes"
	"encoding/binary"
)

// orientationOfJPEG looks for EXIF metadata in front of the image. 1 is that
// nothing is noted, as it is for all that cannot be read.
func orientationOfJPEG(content []byte) int {
	const exif, scan = 0xe1, 0xda
	rest := content[2:]
	for len(rest) >= 4 && rest[0] == 0xff {
		marker, length := rest[1], int(binary.BigEndian.Uint16(rest[2:]))
		if marker == 0xff { // padding
			rest = rest[1:]
			continue
		}
		if marker == scan || length < 2 || length+2 > len(rest) {
			break
		}
		if segment, found := bytes.CutPrefix(rest[4:length+2], []byte("Exif\x00\x00")); found && marker == exif {
			return orientationOfTIFF(segment)
		}
		rest = rest[length+2:]
	}
	return 1
}

// orientationOfPNG looks for an eXIf chunk.
func orientationOfPNG(content []byte) int {
	const frame = 12 // length, name and checksum of a chunk
	for rest := content[8:]; len(rest) >= frame; {
		length := uint64(binary.BigEndian.Uint32(rest))
		if length+frame > uint64(len(rest)) {
			break
		}
		if string(rest[4:8]) == "eXIf" {
			return orientationOfTIFF(rest[8 : 8+length])
		}
		rest = rest[length+frame:]
	}
	return 1
}

// orientationOfTIFF looks into the first directory of a TIFF, which EXIF is too.
func orientationOfTIFF(content []byte) int {
	const tag, short, entrySize = 0x0112, 3, 12
	order, ok := orderOf(content)
	if !ok {
		return 1
	}
	start := uint64(order.Uint32(content[4:]))
	if start+2 > uint64(len(content)) {
		return 1
	}
	entries := content[start+2:]
	for range order.Uint16(content[start:]) {
		if len(entries) < entrySize {
			break
		}
		if order.Uint16(entries) == tag && order.Uint16(entries[2:]) == short {
			return oneToEight(order.Uint16(entries[8:]))
		}
		entries = entries[entrySize:]
	}
	return 1
}

func orderOf(content []byte) (binary.ByteOrder, bool) {
	switch {
	case len(content) < 8:
		return nil, false
	case string(content[:4]) == "II*\x00":
		return binary.LittleEndian, true
	case string(content[:4]) == "MM\x00*":
		return binary.BigEndian, true
	}
	return nil, false
}

func oneToEight(orientation uint16) int {
	if orientation < 1 || orientation > 8 {
		return 1
	}
	return int(orientation)
}
