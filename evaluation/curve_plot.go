package evaluation

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Plot says how a [Curve] is drawn. The zero value draws a prediction in English.
type Plot struct {
	// Width and Height are in pixels for an SVG, 640 by 360 where they are zero,
	// and in characters for text, 72 by 17. Less than a fifth of that is a fifth.
	Width, Height int
	// Measured is true for points that were measured. They are drawn as points,
	// since nothing is known between them; those of a prediction hold up to the next.
	Measured bool
	// InUse is the threshold that the model has, drawn as a line; nil is none.
	InUse *float64
	// Escape, Overkill, Threshold and InUseLabel are the words for the rates, the
	// axis and the line, in another language than English; "" is English.
	Escape, Overkill, Threshold, InUseLabel string
}

func (p Plot) sized(width, height int) Plot {
	p.Width = max(cmp.Or(p.Width, width), width/5)
	p.Height = max(cmp.Or(p.Height, height), height/5)
	p.Escape = cmp.Or(p.Escape, "escape")
	p.Overkill = cmp.Or(p.Overkill, "overkill")
	p.Threshold = cmp.Or(p.Threshold, "threshold")
	p.InUseLabel = cmp.Or(p.InUseLabel, "in use")
	return p
}

// series is one of the two rates.
type series struct {
	name  string
	class string
	rate  func(Point) Rate
	aside float64 // pixels, so that points that were measured do not hide each other
}

func (p Plot) series() [2]series {
	return [2]series{
		{p.Escape, "escape", func(at Point) Rate { return at.Escape }, -3},
		{p.Overkill, "overkill", func(at Point) Rate { return at.Overkill }, 3},
	}
}

// axis is the scale of thresholds: from 0 in even steps to an end, all of them
// round figures.
type axis struct {
	step  float64
	steps int
}

// axis is a scale with room for all that is drawn.
func (c Curve) axis(inUse *float64) axis {
	var most float64
	for _, at := range c {
		most = max(most, at.Threshold)
	}
	if inUse != nil {
		most = max(most, *inUse)
	}
	if most < 1e-300 || most > 1e300 { // no figure of the scale may be zero or infinite
		most = 1
	}
	step := roundStep(most / thresholdTicks)
	return axis{step, int(math.Ceil(most/step - 1e-9))} // a threshold of 0.3 is three steps of 0.1
}

func (a axis) end() float64 { return a.tick(a.steps) }

// tick is the n-th figure of the scale.
func (a axis) tick(n int) float64 { return float64(n) * a.step }

// WriteSVG draws both rates over the threshold, with their two-sided intervals at
// 95 % as bands, as an SVG document that can stand alone or in a page. There it has
// the page's color of text, and its colors follow the page's color-scheme. A
// curve without points is an empty diagram.
func (c Curve) WriteSVG(w io.Writer, plot Plot) error {
	d := &drawing{Plot: plot.sized(640, 360), axis: c.axis(plot.InUse)}
	d.curve = d.thinned(c)
	d.open()
	d.scales()
	for _, s := range d.series() {
		d.band(s)
	}
	for i, s := range d.series() {
		d.line(s)
		d.legend(s, i)
	}
	d.inUse()
	d.printf("</svg>\n")
	_, err := io.WriteString(w, d.b.String())
	return err
}

// drawing is an SVG in the making.
type drawing struct {
	Plot
	curve Curve
	axis  axis
	b     strings.Builder
}

// The margins around the diagram, in pixels.
const (
	marginLeft, marginRight  = 52, 16
	marginTop, marginBottom  = 36, 44
	charWidth                = 7.5 // of a small letter, about
	thresholdTicks, rateStep = 5, 0.25
)

// style is for the diagram alone, since an SVG in a page shares the page's styles.
const style = `.curve text{font:13px system-ui,sans-serif;fill:currentColor}
.curve .grid{stroke:currentColor;opacity:.18}
.curve .axis{stroke:currentColor}
.curve .use{stroke:currentColor;stroke-dasharray:2 3}
.curve .escape{color:#c62828;color:light-dark(#c62828,#ff8a80)}
.curve .overkill{color:#1565c0;color:light-dark(#1565c0,#82b1ff)}
.curve .line{fill:none;stroke:currentColor;stroke-width:2}
.curve .overkill.line{stroke-dasharray:7 3}
.curve .band{fill:currentColor;opacity:.13}
.curve .dot{fill:currentColor}`

func (d *drawing) printf(format string, args ...any) { fmt.Fprintf(&d.b, format, args...) }

func (d *drawing) open() {
	d.printf(`<svg class="curve" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`+"\n",
		d.Width, d.Height, d.Width, d.Height, escaped(d.Escape+", "+d.Overkill+" / "+d.Threshold))
	d.printf("<style>\n%s\n</style>\n", style)
}

func (d *drawing) x(threshold float64) float64 {
	return marginLeft + threshold/d.axis.end()*float64(d.Width-marginLeft-marginRight)
}

func (d *drawing) y(rate float64) float64 {
	return float64(d.Height-marginBottom) - rate*float64(d.Height-marginTop-marginBottom)
}

func (d *drawing) scales() {
	right, bottom := float64(d.Width-marginRight), d.y(0)
	for rate := 0.0; rate <= 1; rate += rateStep {
		class := "grid"
		if rate == 0 {
			class = "axis"
		}
		d.printf(`<line class="%s" x1="%d" y1="%.1f" x2="%.1f" y2="%.1f"/>`, class, marginLeft, d.y(rate), right, d.y(rate))
		d.printf(`<text x="%d" y="%.1f" text-anchor="end">%.0f %%</text>`+"\n", marginLeft-6, d.y(rate)+4, 100*rate)
	}
	for n := range d.axis.steps + 1 {
		at := d.axis.tick(n)
		d.printf(`<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`+"\n", d.x(at), bottom+17, tick(at))
	}
	d.printf(`<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`+"\n", (marginLeft+right)/2, bottom+36, escaped(d.Threshold))
}

// roundStep is 1, 2 or 5 times a power of ten, and at least about as much.
func roundStep(least float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, times := range []float64{1, 2, 5} {
		if step := times * power; step >= least*0.8 {
			return step
		}
	}
	return 10 * power
}

// tick is a number short enough for an axis.
func tick(x float64) string { return fmt.Sprintf("%.3g", x) }

// thinned leaves out what cannot be told apart: of several points of a prediction
// on half a pixel, all but the last.
func (d *drawing) thinned(c Curve) Curve {
	var thin Curve
	for i, at := range c {
		if d.Measured || i+1 == len(c) || math.Floor(2*d.x(at.Threshold)) != math.Floor(2*d.x(c[i+1].Threshold)) {
			thin = append(thin, at)
		}
	}
	return thin
}

// corner is a point of the diagram.
type corner struct{ x, y float64 }

// outline are the corners of a rate, or of a bound of it: steps for a prediction.
func (d *drawing) outline(s series, height func(Rate) float64) []corner {
	var corners []corner
	for _, at := range d.curve {
		if !s.rate(at).known() {
			continue
		}
		next := corner{d.x(at.Threshold), d.y(height(s.rate(at)))}
		if len(corners) > 0 && !d.Measured {
			corners = append(corners, corner{next.x, corners[len(corners)-1].y})
		}
		corners = append(corners, next)
	}
	if len(corners) > 0 && !d.Measured {
		corners = append(corners, corner{d.x(d.axis.end()), corners[len(corners)-1].y})
	}
	return corners
}

func (d *drawing) band(s series) {
	bound := func(choose func(low, high float64) float64) []corner {
		return d.outline(s, func(r Rate) float64 { return choose(r.Interval(confidence)) })
	}
	low := bound(func(low, _ float64) float64 { return low })
	high := bound(func(_, high float64) float64 { return high })
	if d.Measured {
		for i := range low {
			low[i].x, high[i].x = low[i].x+s.aside, high[i].x+s.aside
			d.printf(`<line class="%s line" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" opacity=".4"/>`+"\n", s.class, low[i].x, low[i].y, high[i].x, high[i].y)
		}
		return
	}
	slices.Reverse(high)
	d.printf(`<polygon class="%s band" points="%s"/>`+"\n", s.class, joined(append(low, high...)))
}

func (d *drawing) line(s series) {
	corners := d.outline(s, Rate.Value)
	if !d.Measured {
		d.printf(`<polyline class="%s line" points="%s"/>`+"\n", s.class, joined(corners))
		return
	}
	for _, c := range corners {
		d.dot(s, corner{c.x + s.aside, c.y})
	}
}

// dot is round for escapes and square for overkills.
func (d *drawing) dot(s series, at corner) {
	if s.class == "escape" {
		d.printf(`<circle class="escape dot" cx="%.1f" cy="%.1f" r="4.5"/>`+"\n", at.x, at.y)
		return
	}
	d.printf(`<rect class="overkill dot" x="%.1f" y="%.1f" width="8" height="8"/>`+"\n", at.x-4, at.y-4)
}

func (d *drawing) legend(s series, place int) {
	x := float64(marginLeft)
	if place > 0 {
		x += 60 + charWidth*letters(d.Escape)
	}
	const y = 16
	if d.Measured {
		d.dot(s, corner{x + 12, y})
	} else {
		d.printf(`<line class="%s line" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`, s.class, x, y, x+26, y)
	}
	d.printf(`<text x="%.1f" y="%d">%s</text>`+"\n", x+32, y+4, escaped(s.name))
}

// letters is the length of a text in small letters: those of East Asia are as wide
// as two of others.
func letters(text string) (n float64) {
	for _, r := range text {
		if n++; r >= 0x2e80 {
			n++
		}
	}
	return n
}

func (d *drawing) inUse() {
	if d.InUse == nil {
		return
	}
	x, anchor, aside := d.x(*d.InUse), "start", 4.0
	if x > float64(d.Width)*3/4 {
		anchor, aside = "end", -4
	}
	d.printf(`<line class="use" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, x, d.y(1), x, d.y(0))
	d.printf(`<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", x+aside, d.y(1)+14, anchor, escaped(d.InUseLabel+" "+tick(*d.InUse)))
}

func joined(corners []corner) string {
	points := make([]string, len(corners))
	for i, c := range corners {
		points[i] = fmt.Sprintf("%.1f,%.1f", c.x, c.y)
	}
	return strings.Join(points, " ")
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes all
	return b.String()
}
