package page

import (
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/inspector"
)

// trouble is the name of the words for a kind of trouble.
func trouble(kind inspector.Trouble) string { return "trouble-" + string(kind) }

// wordsOf is what the page says, by the names that its template and its script have
// for it.
func wordsOf(p language.Language) map[string]string {
	return map[string]string{
		"title": p.Text("The line"),

		// Verdicts.
		"ok":        "OK",
		"ng":        "NG",
		"none":      p.Text("No verdict"),
		"noneShort": p.Text("None"),
		"judgedBy":  p.Text("%s by %s"),
		"takenBack": p.Text("A judgement was taken back by %s"),
		"noneMore":  p.Text("Look at the part itself"),
		"modelSaid": p.Text("the model: %s"),
		"dontKnow":  p.Text("Don’t know"),
		"score":     p.Text("Score"),
		"boxes":     p.Text("Defects"),
		"boxesMore": p.Text("%s, of which %s are shown"),
		"lot":       p.Text("Lot"),
		"serial":    p.Text("Serial number"),
		"file":      p.Text("Image"),
		"taken":     p.Text("Taken"),
		"inspected": p.Text("Inspected"),
		"support":   p.Text("For support"),

		// How a station is.
		"old":         p.Text("Old"),
		"behind":      p.Text("Behind"),
		"behindMore":  p.Text("%s waiting, the oldest for %s"),
		"service":     p.Text("Service away"),
		"inspector":   p.Text("No inspector"),
		"serviceMore": p.Text("Images wait, and are inspected later"),
		"lost":        p.Text("Station lost"),
		"lostMore":    p.Text("Not heard of for %s"),
		"lostEver":    p.Text("Not heard of yet"),
		"offline":     p.Text("No connection"),
		"offlineMore": p.Text("This screen shows what was there at %s"),
		"queue":       p.Text("Line away"),
		"queueMore":   p.Text("The line cannot be followed: what is shown may be out of date"),
		"earlier":     p.Text("Earlier image"),
		"earlierMore": p.Text("Newer images since: %s"),
		"empty":       p.Text("No image"),
		"emptyMore":   p.Text("The first verdict appears here by itself"),
		"was":         p.Text("Last: %s, %s ago"),
		"noStations":  p.Text("No station has been heard of yet. Stations appear here by themselves with their first image."),
		"connecting":  p.Text("Connecting…"),
		"loading":     p.Text("Loading the image…"),
		"noPicture":   p.Text("The image cannot be shown"),
		"gonePicture": p.Text("The image is not there any more"),
		"denied":      p.Text("This screen needs the page’s address with its token once more."),
		"connected":   p.Text("Connected"),
		"attention":   p.Text("To look at: %s"),
		"stations":    p.Text("Stations"),

		// What somebody can do about a service that is away.
		trouble(inspector.TroubleUnreachable): p.Text("The service cannot be reached. Check the network."),
		trouble(inspector.TroubleFailing):     p.Text("The service does not respond as it should. It is asked again by itself."),
		trouble(inspector.TroubleLogin):       p.Text("The service refuses the login. Have the credentials checked."),
		trouble(inspector.TroubleLicense):     p.Text("The license is not valid. Have it renewed."),
		trouble(inspector.TroubleForbidden):   p.Text("The service does not permit it. Have the license and the permissions checked."),
		trouble(inspector.TroubleModel):       p.Text("The model is not there, or none is active. Have it checked."),
		trouble(inspector.TroubleInspector):   p.Text("No inspector has this station. Have one started."),
		trouble(inspector.TroubleOther):       p.Text("The inspection has stopped, and begins again by itself. If it does not, call support."),

		// Counters and ages.
		"shiftSince": p.Text("Shift since %s"),
		"waiting":    p.Text("Waiting"),
		"ago":        p.Text("%s ago"),
		"seconds":    p.Text("%s s"),
		"minutes":    p.Text("%s min"),
		"hours":      p.Text("%s h"),
		"days":       p.Text("%s d"),

		// Ways.
		"wall":      p.Text("All stations"),
		"live":      p.Text("To the newest"),
		"history":   p.Text("Recent images"),
		"original":  p.Text("Original"),
		"light":     p.Text("Light"),
		"dark":      p.Text("Dark"),
		"keys":      p.Text("Keys"),
		"close":     p.Text("Close"),
		"keyWall":   p.Text("all stations"),
		"keyNth":    p.Text("a station by its place"),
		"keyAround": p.Text("earlier and later images, and stations of the wall"),
		"keyJudge":  p.Text("judge: OK, NG, don’t know"),
		"keyUndo":   p.Text("take the last judgement back"),
		"keyHelp":   p.Text("this list"),

		// Judging.
		"judge":        p.Text("Judge this image"),
		"you":          p.Text("Your name"),
		"as":           p.Text("As %s"),
		"change":       p.Text("Change"),
		"namePlease":   p.Text("It is asked once per shift, and stands in the record."),
		"why":          p.Text("Reason"),
		"save":         p.Text("Save"),
		"cancel":       p.Text("Cancel"),
		"saved":        p.Text("Saved: %s by %s"),
		"saving":       p.Text("Saving…"),
		"takeBack":     p.Text("Take back"),
		"takeBackWhat": p.Text("Take back: %s"),
		"undoTitle":    p.Text("Take this judgement back"),
		"tookBack":     p.Text("Taken back: the image is %s again"),
		"needName":     p.Text("Please write your name."),
		"needReason":   p.Text("Please choose a reason or write one."),
		"failJudged":   p.Text("Somebody else has judged this image just now. Look again before you judge."),
		"failNothing":  p.Text("Nothing can be taken back here."),
		"failGone":     p.Text("The image is not among the recent ones any more. It can be judged in the review."),
		"failAway":     p.Text("Not saved: the line cannot be reached. Please try again."),
		"failOther":    p.Text("Not saved. Please check what you wrote, and try again."),
		"failDenied":   p.Text("Not saved: judging needs the page’s address with its token."),
		"lookOnly":     p.Text("This screen can only look. Judging needs the page’s address with its token."),
		"reasonSeen":   p.Text("Seen on the part itself"),
		"reasonDirt":   p.Text("Dust or dirt"),
		"reasonLight":  p.Text("Reflection or lighting"),
		"reasonMark":   p.Text("Scratch or dent"),
		"reasonSlip":   p.Text("Pressed by mistake"),
		"reasonAgain":  p.Text("Looked at once more"),

		// For who has no token.
		"refused":     p.Text("This page needs its token"),
		"refusedMore": p.Text("Open it once by the address that ends in ?token=…; the browser then remembers it."),
	}
}
