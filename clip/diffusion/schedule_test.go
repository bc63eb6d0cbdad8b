package diffusion

import (
	"math"
	"strings"
	"testing"
)

var schedules = []ScheduleName{Linear, Cosine}

func made(t *testing.T, name ScheduleName, steps int) Schedule {
	t.Helper()
	s, err := NewSchedule(name, steps)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func near(a, b, within float64) bool { return math.Abs(a-b) <= within*max(1, math.Abs(b)) }

// Step after step of q(x_t | x_{t-1}) comes to q(x_t | x_0): the mean shrinks by sqrt(1-beta) and the variance becomes (1-beta) v + beta.
func TestStepsComposeToTheWhole(t *testing.T) {
	for _, name := range schedules {
		s := made(t, name, 200)
		mean, variance := 1.0, 0.0
		for step := 1; step <= s.Steps(); step++ {
			beta := s.Beta(step)
			if !(beta > 0 && beta < 1) {
				t.Fatalf("%s: expected a beta between 0 and 1 at step %d, found %g", name, step, beta)
			}
			mean, variance = mean*math.Sqrt(1-beta), (1-beta)*variance+beta
			if !near(mean, math.Sqrt(s.Left[step]), 1e-9) || !near(variance, 1-s.Left[step], 1e-9) {
				t.Fatalf("%s, step %d: expected mean %g and variance %g, found %g and %g", name, step, math.Sqrt(s.Left[step]), 1-s.Left[step], mean, variance)
			}
		}
		if s.Left[s.Steps()] > 1e-3 {
			t.Errorf("%s: expected noise alone at the end, found %g of the picture", name, s.Left[s.Steps()])
		}
	}
}

// The papers' numbers: beta from 1e-4 to 0.02 in 1,000 steps, and cos^2 of equation 17, clipped at 0.999.
func TestSchedulesOfThePapers(t *testing.T) {
	linear, cosine := made(t, Linear, 1000), made(t, Cosine, 1000)
	if !near(linear.Beta(1), 1e-4, 1e-9) || !near(linear.Beta(1000), 0.02, 1e-9) || !near(linear.Beta(500), 1e-4+0.0199*499/999, 1e-9) {
		t.Errorf("linear: found the betas %g, %g, %g", linear.Beta(1), linear.Beta(500), linear.Beta(1000))
	}
	f := func(t float64) float64 { return math.Pow(math.Cos((t/1000+0.008)/1.008*math.Pi/2), 2) }
	for _, step := range []int{1, 250, 500, 900} {
		if want := f(float64(step)) / f(0); !near(cosine.Left[step], want, 1e-9) {
			t.Errorf("cosine, step %d: expected %g, found %g", step, want, cosine.Left[step])
		}
	}
	if !near(cosine.Beta(1000), 0.999, 1e-9) {
		t.Errorf("cosine: expected the last beta to be clipped at 0.999, found %g", cosine.Beta(1000))
	}
}

// The posterior is Bayes' rule, done here by sums over a fine grid: q(x_{t-1} | x_0) q(x_t | x_{t-1}), normalised.
func TestPosteriorIsBayesRule(t *testing.T) {
	density := func(x, mean, variance float64) float64 {
		return math.Exp(-(x-mean)*(x-mean)/(2*variance)) / math.Sqrt(variance)
	}
	for _, name := range schedules {
		s := made(t, name, 50)
		for _, step := range []int{2, 10, 25, 49} {
			for _, at := range [][2]float64{{0.7, 0.3}, {-1, 1.5}, {0, -0.8}} {
				clean, noised := at[0], at[1]
				p := s.Posterior(step)
				var mass, first, second float64
				const cells = 400_000
				for k := range cells {
					x := -8 + 16*(float64(k)+0.5)/cells
					w := density(x, math.Sqrt(s.Left[step-1])*clean, 1-s.Left[step-1]) * density(noised, math.Sqrt(1-s.Beta(step))*x, s.Beta(step))
					mass, first, second = mass+w, first+w*x, second+w*x*x
				}
				mean := first / mass
				if want := p.OfClean*clean + p.OfNoised*noised; !near(want, mean, 1e-6) {
					t.Errorf("%s, step %d: expected the mean %g, found %g", name, step, mean, want)
				}
				if variance := second/mass - mean*mean; !near(p.Variance, variance, 1e-6) {
					t.Errorf("%s, step %d: expected the variance %g, found %g", name, step, variance, p.Variance)
				}
			}
		}
		if p := s.Posterior(1); p.Variance != 0 || !near(p.OfClean, 1, 1e-12) || p.OfNoised != 0 {
			t.Errorf("%s: at step 1 the picture is known, found %+v", name, p)
		}
	}
}

// With eta = 1 a stride of one step is the posterior. With any eta and any stride, what comes out has the mean and the variance of the forward
// process at the lower step (Song et al. 2021, appendix B).
func TestStride(t *testing.T) {
	for _, name := range schedules {
		s := made(t, name, 100)
		for step := 1; step <= 100; step++ {
			stride, p := s.Stride(step, step-1, 1), s.Posterior(step)
			ofNoised := stride.Noise / math.Sqrt(1-stride.Left)
			ofClean := stride.Clean - ofNoised*math.Sqrt(stride.Left)
			if !near(ofNoised, p.OfNoised, 1e-6) || !near(ofClean, p.OfClean, 1e-6) || !near(stride.Fresh*stride.Fresh, p.Variance, 1e-6) {
				t.Fatalf("%s, step %d: expected %+v, found %+v", name, step, p, stride)
			}
		}
		for _, eta := range []float64{0, 0.3, 1} {
			for _, way := range [][2]int{{100, 80}, {60, 10}, {20, 0}} {
				stride := s.Stride(way[0], way[1], eta)
				if left := s.Left[way[1]]; !near(stride.Clean, math.Sqrt(left), 1e-9) || !near(stride.Noise*stride.Noise+stride.Fresh*stride.Fresh, 1-left, 1e-9) {
					t.Errorf("%s, eta %g, %v: found %+v", name, eta, way, stride)
				}
				if eta == 0 && stride.Fresh != 0 {
					t.Errorf("%s: expected no new noise without eta, found %g", name, stride.Fresh)
				}
			}
		}
	}
}

func TestEvery(t *testing.T) {
	s := made(t, Cosine, 1000)
	way, err := s.Every(4)
	if err != nil || len(way) != 5 || way[0] != 1000 || way[1] != 750 || way[4] != 0 {
		t.Errorf("found %v, %v", way, err)
	}
	for _, n := range []int{0, 1001} {
		if _, err := s.Every(n); err == nil || !strings.Contains(err.Error(), "1 to 1000") {
			t.Errorf("%d steps: found %v", n, err)
		}
	}
	if _, err := NewSchedule("sine", 10); err == nil || !strings.Contains(err.Error(), "linear or cosine") {
		t.Errorf("found %v", err)
	}
	if _, err := NewSchedule(Linear, 1); err == nil || !strings.Contains(err.Error(), "expected 2 to") {
		t.Errorf("found %v", err)
	}
}
