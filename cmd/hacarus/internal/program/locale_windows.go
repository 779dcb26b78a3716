package program

import "golang.org/x/sys/windows"

// localesOf returns the languages that the user may want, best first.
func localesOf(getenv func(string) string) []string {
	chosen := []string{getenv(LanguageVariable), getenv("LC_ALL"), getenv("LC_MESSAGES"), getenv("LANG")}
	system, _ := windows.GetUserPreferredUILanguages(windows.MUI_LANGUAGE_NAME)
	return append(chosen, system...)
}
