// Package overlay draws verdicts, the boxes of defects and heat maps on images,
// for people to look at:
//
//	picture, err := overlay.Open("plate.jpg")
//	marked := overlay.Draw(picture, overlay.FindingsOf(outcome.Item, modelID, picture))
//
// A verdict is told three times, so that it is understood in any language, in
// black and white, and by who does not tell red from green: by a word, by a mark,
// and by a color. OK has a ring and is green, NG has a cross and is red, and where
// there is no verdict there is a question mark on gray. No other words are drawn,
// and so no font is needed.
//
// All sizes follow the size of the image: what is drawn can still be read when the
// whole image is shown as a thumbnail. The image keeps its size, and a box is drawn
// around its defect, not on it.
package overlay
