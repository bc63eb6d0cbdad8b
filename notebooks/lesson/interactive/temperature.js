(function (root, data) {
  "use strict";
  var slider = root.querySelector("input"), said = root.querySelector("output"), rows = root.querySelectorAll("tbody tr");
  function draw() {
    var tau = Math.pow(10, slider.value), top = Math.max.apply(null, data.scores);
    var p = data.scores.map(function (s) { return Math.exp((s - top) / tau); });
    var sum = p.reduce(function (a, b) { return a + b; }, 0), entropy = 0;
    p = p.map(function (x) { return x / sum; });
    p.forEach(function (x, i) {
      if (x > 0) entropy -= x * Math.log(x);
      rows[i].querySelector(".bar").style.width = (100 * x).toFixed(2) + "%";
      rows[i].querySelector(".p").textContent = x.toFixed(3);
    });
    said.textContent = "\u03c4 = " + tau.toFixed(3) + ", a factor of " + (1 / tau).toFixed(1) + " on cosines; entropy " +
      Math.abs(entropy).toFixed(3) + " nats, as undecided as between " + Math.exp(entropy).toFixed(2) + " equal answers";
    slider.setAttribute("aria-valuetext", "temperature " + tau.toFixed(3));
  }
  slider.addEventListener("input", draw);
})
