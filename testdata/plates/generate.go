// Command plates draws the pictures next to it: brushed metal plates with two
// holes and an engraved mark, good ones for training, and good and bad ones for
// inspection. truth.json says what is wrong with which of them.
package main

import (
	"flag"
	"fmt"
	"image"
	"image/color"
	"log"
	"math"
	"math/rand/v2"
	"path/filepath"

	"github.com/hacarus/hacarus-check-go/internal/testkit/truth"
)

const (
	width, height = 256, 192
	quality       = 80
	samples       = 3    // per pixel and direction, against jagged edges
	visible       = 0.03 // change of brightness from which a defect is seen
	trainImages   = 10
)

// plates to inspect, with their defects.
var inspected = []struct {
	name    string
	defects []defect
}{
	{name: "OK-01"}, {name: "OK-02"}, {name: "OK-03"}, {name: "OK-04"},
	{"NG-01-scratch", []defect{scratch{86, 52, 176, 84, 7}}},
	{"NG-02-scratch", []defect{scratch{158, 152, 196, 62, -6}}},
	{"NG-03-dent", []defect{dent{186, 118, 13}}},
	{"NG-04-dent", []defect{dent{82, 56, 10}}},
	{"NG-05-stain", []defect{stain{66, 92, 15, 1}}},
	{"NG-06-stain", []defect{stain{176, 60, 20, 4}}},
	{"NG-07-scratch-and-dent", []defect{scratch{44, 74, 110, 104, -5}, dent{194, 92, 12}}},
}

func main() {
	out := flag.String("out", filepath.Join("testdata", "plates"), "folder to write to")
	flag.Parse()
	if err := run(*out); err != nil {
		log.Fatal(err)
	}
}

func run(out string) error {
	for i := range trainImages {
		file := fmt.Sprintf("train/T-%03d.jpg", i+1)
		if err := truth.SaveJPEG(filepath.Join(out, file), newPlate(uint64(i+1)).photograph(nil), quality); err != nil {
			return err
		}
	}
	var known []truth.Image
	for i, in := range inspected {
		p := newPlate(uint64(100 + i))
		file := "inspect/" + in.name + ".jpg"
		if err := truth.SaveJPEG(filepath.Join(out, file), p.photograph(in.defects), quality); err != nil {
			return err
		}
		known = append(known, p.truth(file, in.defects))
	}
	return truth.Write(out, known)
}

// plate is one plate before the camera: its own brushing, place and light.
type plate struct {
	seed    uint64
	dx, dy  float64 // how far it lies off
	light   float64 // brightness of the lamp
	brushed []float64
}

func newPlate(seed uint64) *plate {
	r := rand.New(rand.NewPCG(seed, 2019))
	return &plate{
		seed:    seed,
		dx:      r.Float64()*3 - 1.5,
		dy:      r.Float64()*3 - 1.5,
		light:   0.95 + 0.1*r.Float64(),
		brushed: brushing(r),
	}
}

// brushing is a texture of long fine lines.
func brushing(r *rand.Rand) []float64 {
	texture := make([]float64, width*height)
	for y := range height {
		var long, short float64
		level := 0.5 * r.NormFloat64()
		for x := -100; x < width; x++ {
			long = 0.97*long + 0.24*r.NormFloat64()
			short = 0.75*short + 0.66*r.NormFloat64()
			if x >= 0 {
				texture[y*width+x] = 0.011 * (level + long + 0.7*short)
			}
		}
	}
	return texture
}

// photograph is the picture of the plate, with the camera's noise.
func (p *plate) photograph(defects []defect) image.Image {
	r := rand.New(rand.NewPCG(p.seed, 2020))
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			v := p.pixel(x, y, defects)
			noise := 0.008 * r.NormFloat64()
			img.SetRGBA(x, y, color.RGBA{
				level(v*0.985 + noise), level(v + noise), level(v*1.02 + 0.012 + noise), 255,
			})
		}
	}
	return img
}

func level(v float64) uint8 {
	return uint8(math.Round(255 * min(max(v, 0), 1)))
}

// pixel is the brightness of a pixel, from 0 to 1.
func (p *plate) pixel(x, y int, defects []defect) float64 {
	var sum float64
	for j := range samples {
		for i := range samples {
			u := float64(x) + (float64(i)+0.5)/samples - p.dx
			v := float64(y) + (float64(j)+0.5)/samples - p.dy
			sum += p.scene(u, v, defects)
		}
	}
	return p.light * sum / (samples * samples)
}

// scene is the brightness of a place on the plate.
func (p *plate) scene(x, y float64, defects []defect) float64 {
	edge := roundedBox(x, y, 128, 96, 114, 82, 12)
	if edge > 0 {
		return mat(edge)
	}
	v := p.metal(x, y)
	for _, d := range defects {
		v *= 1 + d.shade(x, y)
	}
	v *= bevel(edge, x-128, y-96)
	v *= engraving(x, y)
	return hole(hole(v, x, y, 42, 40), x, y, 214, 150)
}

// mat is the dark ground under the plate, with the plate's shadow.
func mat(edge float64) float64 {
	return 0.13 - 0.07*math.Exp(-edge/5)
}

// metal is the surface: its brushing in a light that falls off to the lower right.
func (p *plate) metal(x, y float64) float64 {
	i := min(max(int(x+p.dx), 0), width-1)
	j := min(max(int(y+p.dy), 0), height-1)
	u, v := (x-96)/190, (y-60)/170
	glow := 0.10 * math.Exp(-4*(u-0.55*v)*(u-0.55*v))
	return 0.66 - 0.10*(u*u+v*v) + glow + p.brushed[j*width+i]
}

// bevel is the bright upper left and dark lower right edge of the plate.
func bevel(edge, x, y float64) float64 {
	if edge < -3 {
		return 1
	}
	return 1 - 0.22*math.Tanh((x/114+y/82)*2)
}

// roundedBox is the distance to a box with round corners, negative within.
func roundedBox(x, y, cx, cy, halfWidth, halfHeight, radius float64) float64 {
	u := math.Abs(x-cx) - halfWidth + radius
	v := math.Abs(y-cy) - halfHeight + radius
	return math.Hypot(max(u, 0), max(v, 0)) + min(max(u, v), 0) - radius
}

// hole drills a countersunk hole.
func hole(v, x, y, cx, cy float64) float64 {
	d := math.Hypot(x-cx, y-cy)
	toLight := ((cx - x) + (cy - y)) / max(d, 1) / math.Sqrt2
	switch {
	case d < 9:
		return 0.07 + 0.03*max(-toLight, 0)
	case d < 13:
		return v * (0.92 - 0.30*toLight)
	case d < 14:
		return v * 1.06
	}
	return v
}

// strokes of the engraved mark: an arrow in a diamond, and a line below.
var strokes = [][4]float64{
	{128, 74, 150, 96}, {150, 96, 128, 118}, {128, 118, 106, 96}, {106, 96, 128, 74},
	{128, 86, 128, 108}, {128, 86, 121, 94}, {128, 86, 135, 94},
	{104, 130, 152, 130},
}

// engraving is the shade of the mark: dark cuts with a bright lower right rim.
func engraving(x, y float64) float64 {
	if x < 100 || x > 160 || y < 70 || y > 135 {
		return 1
	}
	cut, rim := math.Inf(1), math.Inf(1)
	for _, s := range strokes {
		cut = min(cut, toSegment(x, y, s[0], s[1], s[2], s[3]))
		rim = min(rim, toSegment(x-1.2, y-1.2, s[0], s[1], s[2], s[3]))
	}
	switch {
	case cut < 1.5:
		return 0.52
	case rim < 1.3:
		return 1.14
	}
	return 1
}

// toSegment is the distance to a line from a to b.
func toSegment(x, y, ax, ay, bx, by float64) float64 {
	dx, dy := bx-ax, by-ay
	along := min(max(((x-ax)*dx+(y-ay)*dy)/(dx*dx+dy*dy), 0), 1)
	return math.Hypot(x-ax-along*dx, y-ay-along*dy)
}

// defect changes the brightness of the metal by a factor 1+shade.
type defect interface {
	kind() string
	shade(x, y float64) float64
}

// scratch is a cut from a to b, bent to one side at its middle.
type scratch struct{ ax, ay, bx, by, bend float64 }

func (scratch) kind() string { return "scratch" }

func (s scratch) shade(x, y float64) float64 {
	dx, dy := s.bx-s.ax, s.by-s.ay
	length := math.Hypot(dx, dy)
	along := ((x-s.ax)*dx + (y-s.ay)*dy) / length / length
	if along < 0 || along > 1 {
		return 0
	}
	aside := ((y-s.ay)*dx-(x-s.ax)*dy)/length - s.bend*math.Sin(math.Pi*along)
	depth := min(1, 8*along, 8*(1-along)) * (0.85 + 0.15*math.Sin(along*length/3.1))
	cut := math.Exp(-aside * aside / 0.9)
	lip := math.Exp(-(aside - 1.9) * (aside - 1.9) / 0.8)
	return depth * (0.30*lip - 0.62*cut)
}

// dent is a round hollow: dark towards the light, bright away from it.
type dent struct{ x, y, radius float64 }

func (dent) kind() string { return "dent" }

func (d dent) shade(x, y float64) float64 {
	u, v := (x-d.x)/d.radius, (y-d.y)/d.radius
	r := u*u + v*v
	if r > 1 {
		return 0
	}
	slope := (1 - r) * (1 - r) * (u + v) / math.Sqrt2
	return 1.2*slope - 0.10*(1-r)
}

// stain is a dark spot with soft, uneven edges.
type stain struct{ x, y, radius, phase float64 }

func (stain) kind() string { return "stain" }

func (s stain) shade(x, y float64) float64 {
	u, v := (x-s.x)/s.radius, (y-s.y)/s.radius*1.25
	angle := math.Atan2(v, u)
	uneven := 1 + 0.13*math.Sin(3*angle+s.phase) + 0.07*math.Sin(5*angle+2*s.phase)
	r := math.Hypot(u, v) / uneven
	return -0.34 / (1 + math.Exp((r-0.78)*11))
}

// truth is what truth.json says of a picture.
func (p *plate) truth(file string, defects []defect) truth.Image {
	t := truth.Image{File: file, Verdict: "OK", Defects: []truth.Defect{}}
	for _, d := range defects {
		t.Verdict = "NG"
		t.Defects = append(t.Defects, truth.NewDefect(d.kind(), p.box(d)))
	}
	return t
}

// box is the smallest one around what can be seen of a defect.
func (p *plate) box(d defect) image.Rectangle {
	var box image.Rectangle
	for y := range height {
		for x := range width {
			change := p.pixel(x, y, []defect{d}) - p.pixel(x, y, nil)
			if math.Abs(change) >= visible {
				box = box.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return box
}
