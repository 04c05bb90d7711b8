# Reference values for the limits of the center audit, from R.
#
#   cd tests/reference && Rscript make_audit_limits.R
#
# Writes into audit_limits/: rows by center (and risk), and one JSON file with what R makes of them.
# No package with the Poisson-binomial distribution is at hand: it is built here row by row, and
# checked against all subsets of rows where these are few. Roots by uniroot at tol 1e-15; glmer by
# bobyqa to rhoend 1e-9 with 25 nodes.
suppressMessages({library(lme4); library(metafor); library(epiR); library(jsonlite)})
options(digits = 17)
dir.create("audit_limits", showWarnings = FALSE)

## data: rows with risks, by center ----------------------------------------------------------
data(Contraception, package = "mlmRev"); data(cbpp, package = "lme4")
data(nc.sids, package = "spData")
con <- Contraception; con$y <- as.integer(con$use == "Y")
con$risk <- fitted(glm(y ~ age + I(age^2) + urban + livch, binomial, con,
                       control = glm.control(epsilon = 1e-14)))
con <- data.frame(center = sprintf("d%02d", as.integer(as.character(con$district))), y = con$y, risk = con$risk)
cb <- cbpp[rep(seq_len(nrow(cbpp)), cbpp$size), c("herd", "period")]
cb$y <- unlist(mapply(function(k, n) rep(1:0, c(k, n - k)), cbpp$incidence, cbpp$size))
cb$risk <- fitted(glm(y ~ period, binomial, cb, control = glm.control(epsilon = 1e-14)))
cb <- data.frame(center = sprintf("h%02d", as.integer(as.character(cb$herd))), y = cb$y, risk = cb$risk)
sids <- data.frame(center = rownames(nc.sids), n = nc.sids$BIR74, observed = nc.sids$SID74)
sids <- sids[order(sids$center, method = "radix"), ]
rows <- list(contraception = con, cbpp = cb)
for (d in names(rows)) {
  rows[[d]] <- rows[[d]][order(rows[[d]]$center, rows[[d]]$risk), ]
  write.csv(format(rows[[d]], digits = 17, trim = TRUE), file.path("audit_limits", paste0(d, ".csv")),
            row.names = FALSE, quote = FALSE)
}
write.csv(sids, "audit_limits/sids.csv", row.names = FALSE, quote = TRUE)

## the distribution and what is read from it -----------------------------------------------------
pmf <- function(r) { p <- 1; for (x in r) p <- c(p * (1 - x), 0) + c(0, p * x); p }
all_subsets <- function(r) {
  g <- as.matrix(expand.grid(rep(list(0:1), length(r))))
  w <- apply(g, 1, function(s) prod(ifelse(s == 1, r, 1 - r)))
  as.numeric(tapply(w, factor(rowSums(g), 0:length(r)), sum))
}
tilt <- function(r, t) plogis(qlogis(r) + t)
tails <- function(p, kind) {
  up <- rev(cumsum(rev(p))); lo <- cumsum(p)
  if (kind == "mid-p") return(list(up - p / 2, lo - p / 2))
  if (kind == "interpolated") return(list(c(up[-1], 0), lo))
  list(up, lo)
}
# linear between counts; 0 and the number of rows where no count lies beyond
limits <- function(p, alpha, kind) {
  f <- tails(p, kind); n <- length(p) - 1
  j <- which(f[[1]] < alpha)[1]
  high <- if (is.na(j)) n else if (j == 1) 0 else (j - 2) + (f[[1]][j - 1] - alpha) / (f[[1]][j - 1] - f[[1]][j])
  j <- tail(which(f[[2]] < alpha), 1)
  low <- if (length(j) == 0) 0 else (j - 1) + (alpha - f[[2]][j]) / (f[[2]][j + 1] - f[[2]][j])
  c(low, high)
}
interval <- function(r, o, level = 0.95) {
  a <- (1 - level) / 2; n <- length(r)
  at <- function(t) sum(tilt(r, t))
  up <- function(t) sum(pmf(tilt(r, t))[(o:n) + 1]) - a
  lo <- function(t) sum(pmf(tilt(r, t))[(0:o) + 1]) - a
  root <- function(f) uniroot(f, c(-30, 30), tol = 1e-15, maxiter = 1e4)$root
  c(if (o == 0) 0 else at(root(up)), if (o == n) n else at(root(lo)))
}
kinds <- c("mid-p", "exact", "interpolated")
law_of_rows <- function(d) lapply(split(d, d$center), function(x) {
  p <- pmf(x$risk); o <- sum(x$y); m <- tails(p, "mid-p")
  if (nrow(x) <= 14) stopifnot(max(abs(p - all_subsets(x$risk))) < 1e-14)
  list(center = x$center[1], n = nrow(x), observed = o, expected = sum(x$risk),
       upper = m[[1]][o + 1], lower = m[[2]][o + 1],
       subsets = if (nrow(x) <= 14) all_subsets(x$risk) else NULL,
       alert = lapply(setNames(kinds, kinds), function(k) limits(p, 0.025, k)),
       alarm = lapply(setNames(kinds, kinds), function(k) limits(p, 0.001, k)),
       interval = interval(x$risk, o))
})

## equal risks: R's own binomial and Poisson; Byar by epiR ---------------------------------------
rate <- sum(sids$observed) / sum(sids$n)
sids$expected <- sids$n * rate
# Spiegelhalter's interpolated quantile of a discrete distribution
drawn <- function(q, cdf, a) { r <- q(a); if (r == 0) return(max(0, r - (cdf(r) - a) / cdf(r))); r - (cdf(r) - a) / (cdf(r) - cdf(r - 1)) }
equal <- lapply(seq_len(nrow(sids)), function(i) {
  o <- sids$observed[i]; n <- sids$n[i]; e <- sids$expected[i]
  list(center = sids$center[i], binom = binom.test(o, n)$conf.int[1:2] * n,
       garwood = poisson.test(o)$conf.int[1:2],
       drawn = lapply(c(0.001, 0.025, 0.975, 0.999), function(a) c(
         drawn(function(a) qbinom(a, n, rate), function(r) pbinom(r, n, rate), a),
         drawn(function(a) qpois(a, e), function(r) ppois(r, e), a))),
       mid_binom = c(pbinom(o, n, rate, FALSE), pbinom(o - 1, n, rate)) + dbinom(o, n, rate) / 2,
       mid_pois = c(ppois(o, e, FALSE), ppois(o - 1, e)) + dpois(o, e) / 2)
})
seen <- sids[sids$observed > 0, ]
byar <- mapply(function(o, e) unlist(epi.smr(o, e, method = "byar")[c("lower", "upper")]), seen$observed, seen$expected)

## dispersion ---------------------------------------------------------------------------------
spread <- function(z, v, share = 0.1) {
  q <- quantile(z, c(share, 1 - share), names = FALSE)
  w <- 1 / v; k <- length(z)
  phi <- mean(pmin(pmax(z, q[1]), q[2])^2)
  c <- qnorm(1 - share)
  fair <- integrate(function(x) pmin(pmax(x, -c), c)^2 * dnorm(x), -c, c, rel.tol = 1e-13)$value + 2 * share * c^2
  tau <- function(f) sqrt(max(0, (k * f - (k - 1)) / (sum(w) - sum(w^2) / sum(w))))
  fit <- rma(yi = z * sqrt(v), vi = v, method = "DL", control = list(tol = 1e-14))
  ci <- confint(fit, control = list(tol = 1e-14, maxiter = 1e5))$random["tau", c("ci.lb", "ci.ub")]
  list(phi_raw = phi, phi = max(1, phi / fair), tau = tau(phi / fair), tau_raw = tau(phi),
       interval = unname(ci), statistic = sum(z^2), p = pchisq(sum(z^2), k - 1, lower.tail = FALSE))
}
scores <- function(up, lo) ifelse(up < lo, -qnorm(up), qnorm(lo))
spreads <- list()
for (d in names(rows)) {
  laws <- law_of_rows(rows[[d]])
  z <- sapply(laws, function(l) scores(l$upper, l$lower))
  v <- 1 / tapply(rows[[d]]$risk * (1 - rows[[d]]$risk), rows[[d]]$center, sum)
  spreads[[d]] <- c(list(z = unname(z), v = unname(as.numeric(v))), spread(unname(z), as.numeric(v)))
}

## random intercepts ------------------------------------------------------------------------
tight <- glmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9, maxfun = 1e5))
posterior <- function(o, K, mu, tau) {  # mean of the log odds ratio, by integration
  f <- function(t) sapply(t, function(s) o * s - K(s) - (s - mu)^2 / (2 * tau^2))
  top <- optimize(f, c(-12, 12), maximum = TRUE, tol = 1e-10)
  d <- function(t) exp(f(t) - top$objective)
  a <- top$maximum - 12 * tau; b <- top$maximum + 12 * tau
  integrate(function(t) t * d(t), a, b, rel.tol = 1e-12, subdivisions = 1e4)$value /
    integrate(d, a, b, rel.tol = 1e-12, subdivisions = 1e4)$value
}
mixed <- list()
for (d in names(rows)) {
  x <- rows[[d]]
  fit <- glmer(y ~ 1 + offset(qlogis(risk)) + (1 | center), x, binomial, nAGQ = 25, control = tight)
  mu <- fixef(fit)[[1]]; tau <- sqrt(VarCorr(fit)$center[1])
  effect <- sapply(split(x, x$center), function(g) posterior(sum(g$y), function(t) sum(log1p(g$risk * expm1(t))), mu, tau))
  mixed[[d]] <- list(mu = mu, tau = tau, mu_se = sqrt(vcov(fit)[1]), effect = unname(effect))
}
fit <- glmer(observed ~ 1 + offset(log(expected)) + (1 | center), sids, poisson, nAGQ = 25, control = tight)
mu <- fixef(fit)[[1]]; tau <- sqrt(VarCorr(fit)$center[1])
mixed$sids <- list(mu = mu, tau = tau, mu_se = sqrt(vcov(fit)[1]), effect = mapply(function(o, e)
  posterior(o, function(t) e * expm1(t), mu, tau), sids$observed, sids$expected))

p <- 2 * pmin(0.5, mapply(function(o, e) min(ppois(o, e), ppois(o - 1, e, FALSE)), sids$observed, sids$expected))
write_json(list(
  rows = lapply(rows, function(d) unname(law_of_rows(d))), equal = equal, rate = rate,
  byar = list(center = seen$center, low = byar[1, ], high = byar[2, ]),
  dispersion = spreads, mixed = mixed,
  fdr = list(p = p, bh = p.adjust(p, "BH"), by = p.adjust(p, "BY"))
), "audit_limits/expected.json", digits = NA, auto_unbox = TRUE, null = "null")
pkgs <- c("stats", "lme4", "metafor", "epiR", "mlmRev", "spData")
write_json(list(R = R.version.string, packages = as.list(sapply(pkgs, function(p) as.character(packageVersion(p)))),
  settings = "uniroot tol 1e-15; glmer nAGQ 25, bobyqa rhoend 1e-9; glm epsilon 1e-14"),
  "audit_limits/manifest.json", auto_unbox = TRUE, pretty = TRUE)
