// Package memo keeps what took long to compute, for programs that are started again and again: in a GoNB notebook every cell is
// a process of its own, and what the cell above has computed is gone.
//
//	losses, err := memo.Do("", memo.Of("final loss", "1", temperature, seed), func() (float64, error) { ... })
//
// A result is found again by its key: a name, a version that the caller gives, the inputs, and the code of the lab (code.go). It
// lies in a file of its own with its sha256, written whole or not at all; a damaged one is computed again, and of several
// processes that want the same at once one computes. Results that were not used for longest go when the folder grows beyond
// [Cache.Limit].
//
// Why the caller gives a version. The code that computes a result is the cell's own and the lab's. The lab's is known to the last
// byte: the module's version, or a hash of the folder that replaces it, as it does in our kernel. The cell's own cannot be
// known: GoNB puts all cells so far into one program, so that a hash of it would change with every cell, whether the
// computation has or not. So the cell says it: change the version when you change what is computed. For a program of the lab's
// own module (the command, a test) a hash of the program stands for all of its code.
package memo
