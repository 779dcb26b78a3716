package resources

import "strconv"

func number(n int64) string { return strconv.FormatInt(n, 10) }

func decimal(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
