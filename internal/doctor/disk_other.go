//go:build !unix

package doctor

func diskFree(string) int64 { return 0 }
