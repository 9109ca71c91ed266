"use strict";(function(){
var q=document.getElementById("q"),n=document.getElementById("n"),off={};
var groups=[].slice.call(document.querySelectorAll("details.group"));
var hosts=[].slice.call(document.querySelectorAll("section.host"));
var text=groups.map(function(g){return(g.getAttribute("data-host")+" "+g.textContent).toLowerCase()});
function apply(){
var words=q.value.toLowerCase().split(/\s+/).filter(Boolean),shown=0;
groups.forEach(function(g,i){
var ok=!off[g.getAttribute("data-severity")]&&words.every(function(w){return text[i].indexOf(w)>=0});
g.classList.toggle("none",!ok);if(ok)shown++});
hosts.forEach(function(h){h.classList.toggle("none",!h.querySelector("details.group:not(.none)"))});
n.textContent=shown===groups.length?"":shown+" of "+groups.length+" groups"}
q.addEventListener("input",apply);
[].forEach.call(document.querySelectorAll(".chip"),function(c){c.addEventListener("click",function(){
var s=c.getAttribute("data-severity");off[s]=!off[s];c.setAttribute("aria-pressed",String(!off[s]));apply()})});
var all=document.getElementById("all");
all.addEventListener("click",function(){var open=all.getAttribute("aria-expanded")!=="true";
groups.forEach(function(g){if(!g.classList.contains("none"))g.open=open});
all.setAttribute("aria-expanded",String(open));all.textContent=open?"Close all":"Open all"});
var was=[];addEventListener("beforeprint",function(){was=groups.map(function(g){return g.open});groups.forEach(function(g){g.open=true})});
addEventListener("afterprint",function(){groups.forEach(function(g,i){g.open=was[i]})});
})();
