//go:build !goexperiment.simd

package doctor

const simdBuild = false
