"use strict";(function(){
// Shows findings fifty at a time; takes the elements that are there, makes the others from the data. Text only ever
// becomes text nodes.
var D=JSON.parse(document.getElementById("data").textContent),R=D.rows,$=function(i){return document.getElementById(i)};
// A fold that holds the target of a link opens.
function unfold(e){for(;e;e=e.parentElement)if(e.tagName==="DETAILS")e.open=true}
var rows=$("rows");
if(!rows||!R.length){var go=function(){var e=location.hash&&$(decodeURIComponent(location.hash.slice(1)));if(e){unfold(e);e.scrollIntoView()}};
addEventListener("hashchange",go);go();return}
var PAGE=50,at=0,off={},list=R.map(function(_,i){return i}),made={},place={},low=[],open=false;
R.forEach(function(r,i){place["f-"+r[0]]=i});
[].forEach.call(rows.children,function(e){made[place[e.id]]=e});
function el(tag,cls,text){var e=document.createElement(tag);if(cls)e.className=cls;if(text!=null)e.textContent=text;return e}
function link(to,text,code){var a=el("a","",code?null:text);a.setAttribute("href","#"+to);if(code)a.appendChild(el("code","",text));return a}
var names=["informational","low","medium","high","critical"];
function row(i){
if(made[i])return made[i];
var r=R[i],s=names[r[1]],d=el("details","f "+s),h=el("summary"),b=el("div","inner"),x,k;
d.id="f-"+r[0];h.appendChild(el("span","tag "+s,D.severity[r[1]]));x=el("span","title",r[2]);if(r[5]){x.appendChild(document.createTextNode(" "));x.appendChild(el("i","flags",r[5]))}h.appendChild(x);
x=el("span","sub");x.appendChild(el("time","",r[3]));x.appendChild(document.createTextNode(" "+r[4]));h.appendChild(x);
if(r[6])b.appendChild(el("p","",r[6]));
if(r[8].length){x=el("dl");for(k=0;k<r[8].length;k+=2){x.appendChild(el("dt","",r[8][k]));var dd=el("dd");dd.appendChild(el("code","",r[8][k+1]));x.appendChild(dd)}b.appendChild(x)}
if(r[9].length){x=el("p","obs");for(k=0;k<r[9].length;k+=2){var o=el("span");o.appendChild(el("i","",r[9][k]));o.appendChild(document.createTextNode(" "+r[9][k+1]));x.appendChild(o);x.appendChild(document.createTextNode(" "))}b.appendChild(x)}
if(r[10].length)b.appendChild(el("p","small","ATT&CK: "+r[10].join(", ")));
if(r[11]){x=el("p","small",D.text.campaign+" ");x.appendChild(link(r[11],r[11]));b.appendChild(x)}
b.appendChild(el("p","dim small",r[7]));x=el("ul","cited");
for(k=0;k<r[12].length;k+=4){var li=el("li");li.appendChild(el("code","",r[12][k]));li.appendChild(document.createTextNode(" · "+r[12][k+1]+" · "));
li.appendChild(r[12][k+3]?link(r[12][k+3],r[12][k+2],true):el("code","",r[12][k+2]));x.appendChild(li)}
b.appendChild(x);d.appendChild(h);d.appendChild(b);return made[i]=d}
function put(part){var f=document.createDocumentFragment();part.forEach(function(i){f.appendChild(row(i))});rows.textContent="";rows.appendChild(f)}
function show(){
at=Math.max(0,Math.min(at,Math.floor((list.length-1)/PAGE)*PAGE));
var part=list.slice(at,at+PAGE);put(part);
if(open)part.forEach(function(i){made[i].open=true});
$("n").textContent=D.text.shown.replace("{n}",list.length?(at+1)+"–"+Math.min(at+PAGE,list.length):"0").replace("{of}",list.length);
$("prev").disabled=at===0;$("next").disabled=at+PAGE>=list.length}
function text(i){return low[i]||(low[i]=(D.severity[R[i][1]]+" "+R[i].slice(2).join(" ")+" "+R[i][0]).toLowerCase())}
function filter(){var words=$("q").value.toLowerCase().split(/\s+/).filter(Boolean);list=[];
R.forEach(function(r,i){if(!off[r[1]]&&words.every(function(w){return text(i).indexOf(w)>=0}))list.push(i)});at=0;show()}
var wait;$("q").addEventListener("input",function(){clearTimeout(wait);wait=setTimeout(filter,120)});
[].forEach.call(document.querySelectorAll(".chip"),function(c){c.addEventListener("click",function(){
var s=c.getAttribute("data-s");off[s]=!off[s];c.setAttribute("aria-pressed",String(!off[s]));filter()})});
function turn(by){at+=by;show();$("findings").scrollIntoView()}
$("prev").addEventListener("click",function(){turn(-PAGE)});$("next").addEventListener("click",function(){turn(PAGE)});
$("all").addEventListener("click",function(){open=!open;list.slice(at,at+PAGE).forEach(function(i){made[i].open=open});
this.setAttribute("aria-expanded",String(open));this.textContent=open?D.text.close:D.text.open});
function go(){
var id=decodeURIComponent(location.hash.slice(1)),i=place[id],e;
if(i!=null){if(list.indexOf(i)<0){$("q").value="";off={};[].forEach.call(document.querySelectorAll(".chip"),function(c){c.setAttribute("aria-pressed","true")});
list=R.map(function(_,k){return k})}at=Math.floor(list.indexOf(i)/PAGE)*PAGE;show();made[i].open=true}
e=id&&$(id);if(e){unfold(e);var see=function(){e.scrollIntoView({block:i!=null?"center":"start"})};
// Rows get their height when they come into view, so the first jump only comes near.
see();requestAnimationFrame(function(){see();requestAnimationFrame(see)});
if(i!=null){e.classList.add("hit");setTimeout(function(){e.classList.remove("hit")},2500)}}}
addEventListener("hashchange",go);
// A link to the place where one already is changes no hash.
document.addEventListener("click",function(e){var a=e.target.closest&&e.target.closest("a[href^='#']");if(a&&a.getAttribute("href")===location.hash)go()});
var was=null;
addEventListener("beforeprint",function(){if(was)return;was=[];var all=list.slice(0,D.print);put(all);
if(all.length<=300)all.forEach(function(i){if(!made[i].open){made[i].open=true;was.push(made[i])}});
[].forEach.call(document.querySelectorAll("details.fold:not([open])"),function(d){d.open=true;was.push(d)})});
addEventListener("afterprint",function(){(was||[]).forEach(function(d){d.open=false});was=null;show()});
$("bar").hidden=$("pager").hidden=false;show();if(location.hash)go();
})();
