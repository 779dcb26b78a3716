//go:build !windows

package program

// localesOf returns the languages that the user may want, best first.
func localesOf(getenv func(string) string) []string {
	return []string{getenv(LanguageVariable), getenv("LC_ALL"), getenv("LC_MESSAGES"), getenv("LANG")}
}
