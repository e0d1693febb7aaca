// ast: expressions are interpreted, not compiled, so that the page needs no unsafe-eval.
window.vegaEmbed("#chart", JSON.parse(document.getElementById("spec").textContent), { ast: true, renderer: "svg" });
