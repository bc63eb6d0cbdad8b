//go:build !(goexperiment.simd && amd64)

package search

// simdKernels are none: archsimd comes with GOEXPERIMENT=simd, on amd64.
func simdKernels(DType) []kernel { return nil }
