package hacarus

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"slices"
	"strings"

	"github.com/hacarus/hacarus-check-go/internal/wire"
)

// ImageSize names an image file and gives its size in pixels.
type ImageSize struct {
	// File is the name of the [File], as in its Name field.
	File string
	// Size holds width (X) and height (Y) in pixels.
	Size image.Point
}

// ImageSizesError lists images whose size differs from that of the majority.
// [Algorithm.CheckImages] returns it for an algorithm that needs images of one
// size. errors.Is reports it as [ErrInvalidArgument]. The service may accept
// such images all the same; what it makes of them is not documented.
type ImageSizesError struct {
	// Algorithm is the algorithm's name.
	Algorithm string
	// Size is the size of most of the images, in pixels.
	Size image.Point
	// Odd are the images of another size.
	Odd []ImageSize
	// Unknown are the names of images whose size could not be determined.
	Unknown []string
}

// Error lists the images, up to five of them.
func (e *ImageSizesError) Error() string {
	if e == nil {
		return nilError
	}
	const most = 5
	var odd []string
	for _, i := range e.Odd[:min(len(e.Odd), most)] {
		odd = append(odd, fmt.Sprintf("%s has %dx%d", i.File, i.Size.X, i.Size.Y))
	}
	if more := len(e.Odd) - most; more > 0 {
		odd = append(odd, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("hacarus: %s needs images of one size: most have %dx%d pixels, %s", e.Algorithm, e.Size.X, e.Size.Y, strings.Join(odd, ", "))
}

// Is reports whether target is [ErrInvalidArgument].
func (e *ImageSizesError) Is(target error) bool { return target == ErrInvalidArgument }

// CheckImages finds images that do not fit the algorithm before they are
// uploaded. [AlgorithmPatternMatching] and [AlgorithmLocalPattern] need images
// of one size, for training and for prediction. If sizes differ, the error is
// an *[ImageSizesError]. Other algorithms take images of any size.
//
// It reads the headers of PNG, JPEG and TIFF files and sends nothing to the
// service. Images of other formats, damaged images and files that can be read
// only once are ignored. If a file cannot be opened, the error is
// [ErrInvalidArgument].
func (a *Algorithm) CheckImages(files ...File) error {
	if a == nil {
		return argumentError("CheckImages", "nil algorithm")
	}
	if !a.needsOneSize() {
		return nil
	}
	warning := &ImageSizesError{Algorithm: a.Name}
	var known []ImageSize
	count := map[image.Point]int{}
	for i, f := range files {
		size, ok, err := f.imageSize()
		switch {
		case err != nil:
			return argumentError("CheckImages", "files[%d]: %w", i, err)
		case !ok:
			warning.Unknown = append(warning.Unknown, f.Name)
			continue
		}
		known = append(known, ImageSize{f.Name, size})
		if count[size]++; count[size] > count[warning.Size] {
			warning.Size = size
		}
	}
	warning.Odd = slices.DeleteFunc(known, func(i ImageSize) bool { return i.Size == warning.Size })
	if len(warning.Odd) > 0 {
		return warning
	}
	return nil
}

func (a *Algorithm) needsOneSize() bool {
	return strings.EqualFold(a.Name, AlgorithmPatternMatching) || strings.EqualFold(a.Name, AlgorithmLocalPattern)
}

// imageSize reads an image's size from the file's header.
func (f File) imageSize() (size image.Point, known bool, err error) {
	switch {
	case f.Open == nil:
		return image.Point{}, false, fmt.Errorf("file %q has no content", f.Name)
	case f.once: // what is read from it could not be uploaded any more
		return image.Point{}, false, nil
	}
	content, err := f.Open()
	if err != nil {
		return image.Point{}, false, err
	}
	defer content.Close()
	r := bufio.NewReader(patient{content})
	head, _ := r.Peek(sniffLength) // a file shorter than that may be an image, too
	var config image.Config
	switch wire.ContentType(head) {
	case "image/png":
		config, err = png.DecodeConfig(r)
	case "image/jpeg":
		config, err = jpeg.DecodeConfig(r)
	case "image/tiff":
		config, err = tiffConfig(r)
	default:
		return image.Point{}, false, nil
	}
	return image.Pt(config.Width, config.Height), err == nil, nil
}

// maxTIFFHead is how far into a TIFF file its directory is searched for, in
// bytes.
const maxTIFFHead = 1 << 30

// tiffConfig reads the size from the first directory of a TIFF file. The
// directory may stand behind the pixels.
func tiffConfig(r *bufio.Reader) (config image.Config, err error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return config, err
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if bytes.HasPrefix(head[:], []byte("MM")) {
		order = binary.BigEndian
	}
	offset := int64(order.Uint32(head[4:]))
	if offset < int64(len(head)) || offset > maxTIFFHead {
		return config, errors.New("no directory")
	}
	if _, err := io.CopyN(io.Discard, r, offset-int64(len(head))); err != nil {
		return config, err
	}
	var count [2]byte
	if _, err := io.ReadFull(r, count[:]); err != nil {
		return config, err
	}
	const widthTag, heightTag, shortType, longType = 256, 257, 3, 4
	for range order.Uint16(count[:]) {
		var entry [12]byte // tag, type, count, value
		if _, err := io.ReadFull(r, entry[:]); err != nil {
			return config, err
		}
		value := 0
		switch order.Uint16(entry[2:]) {
		case shortType:
			value = int(order.Uint16(entry[8:]))
		case longType:
			value = int(order.Uint32(entry[8:]))
		}
		switch order.Uint16(entry[:]) {
		case widthTag:
			config.Width = value
		case heightTag:
			config.Height = value
		}
	}
	if config.Width <= 0 || config.Height <= 0 {
		return config, errors.New("no size")
	}
	return config, nil
}
