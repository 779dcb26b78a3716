package images

import (
	"bufio"
	"encoding/binary"
	"io"
)

// orientation returns how the camera was held, as EXIF in a JPEG file tells it: 1
// is upright, 0 not told.
func orientation(r io.Reader) int {
	b := bufio.NewReader(r)
	var marker [4]byte
	if _, err := io.ReadFull(b, marker[:2]); err != nil || marker[0] != 0xff || marker[1] != 0xd8 {
		return 0
	}
	for {
		if _, err := io.ReadFull(b, marker[:]); err != nil || marker[0] != 0xff || marker[1] == 0xda {
			return 0 // the pixels begin
		}
		length := int(binary.BigEndian.Uint16(marker[2:])) - 2
		if length < 0 {
			return 0
		}
		segment := make([]byte, length)
		if _, err := io.ReadFull(b, segment); err != nil {
			return 0
		}
		if marker[1] == 0xe1 && length > 6 && string(segment[:6]) == "Exif\x00\x00" {
			return orientationOf(segment[6:])
		}
	}
}

// orientationOf reads the entry 0x0112 of the first directory of a TIFF structure.
func orientationOf(tiff []byte) int {
	if len(tiff) < 8 {
		return 0
	}
	var order binary.ByteOrder = binary.BigEndian
	if string(tiff[:2]) == "II" {
		order = binary.LittleEndian
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 0
	}
	count := int64(order.Uint16(tiff[at:]))
	for entry := at + 2; count > 0 && entry+12 <= int64(len(tiff)); entry, count = entry+12, count-1 {
		if order.Uint16(tiff[entry:]) == 0x0112 {
			if o := int(order.Uint16(tiff[entry+8:])); o >= 1 && o <= 8 {
				return o
			}
			return 0
		}
	}
	return 0
}
