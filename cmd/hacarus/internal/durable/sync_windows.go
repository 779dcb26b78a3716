package durable

// syncDir has nothing to do: the file system keeps a log of names.
func syncDir(string) error { return nil }
