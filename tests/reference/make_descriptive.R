# Reference values for named tests, proportions, rates, agreement and accuracy, from R.
#
#   cd tests/reference && Rscript make_descriptive.R
#
# Writes into descriptive/: the data sets and one JSON file per topic. Where R stops short of full
# accuracy (limits by uniroot) the tolerance is tightened, or the equation is solved here; where no
# package is at hand (Tango's interval, Obuchowski's and Durkalski's statistics, Begg and Greenes'
# variance) the published formula is written out.
suppressMessages({
  library(MASS); library(survival); library(coin); library(survey); library(epiR)
  library(psych); library(pROC); library(geepack); library(jsonlite)
})
options(digits = 17, warn = -1, survey.lonely.psu = "adjust")
dir.create("descriptive", showWarnings = FALSE)
num <- function(x) if (length(x) == 0 || is.null(x)) NA else unname(as.numeric(x))

## data -------------------------------------------------------------------------------------
data(ohio, package = "geepack"); data(respiratory, package = "geepack")
data(aSAH, package = "pROC"); data(VerbAgg, package = "lme4")
birthwt$race <- c("white", "black", "other")[birthwt$race]
survey_ <- MASS::survey
survey_$Clap <- factor(c(Left = "a", Neither = "b", Right = "c")[as.character(survey_$Clap)])
survey_$Fold <- factor(c("L on R" = "a", "Neither" = "b", "R on L" = "c")[as.character(survey_$Fold)])
bacteria$positive <- as.integer(bacteria$y == "y"); bacteria$y <- NULL
respiratory$patient <- paste(respiratory$center, respiratory$id, sep = "-")
lung$dead <- as.integer(lung$status == 2)
retinopathy$laser <- as.character(retinopathy$laser)
boys <- mice::boys[, c("age", "hgt", "wgt", "gen", "phb", "tv", "reg")]
boys$gen <- as.integer(boys$gen); boys$phb <- as.integer(boys$phb); boys$reg <- as.character(boys$reg)
# two readings of the same child a year apart, and of the same patient at two visits
wide <- reshape(ohio, direction = "wide", idvar = "id", timevar = "age", v.names = "resp")
names(wide) <- c("id", "smoke", "y7", "y8", "y9", "y10")
visits <- reshape(respiratory[, c("patient", "center", "treat", "visit", "outcome")],
                  direction = "wide", idvar = "patient", timevar = "visit", v.names = "outcome")
names(visits) <- c("patient", "center", "treat", "v1", "v2", "v3", "v4")
# want against do, on three levels, of the same situation and behaviour; persons are clusters
VerbAgg$level <- as.integer(VerbAgg$resp) - 1L
key <- paste(VerbAgg$id, VerbAgg$situ, VerbAgg$btype, sub("^S\\d(Do|[Ww]ant[A-Z]?)", "", VerbAgg$item))
want <- VerbAgg$mode == "want"
verb <- data.frame(id = VerbAgg$id, situ = VerbAgg$situ, btype = VerbAgg$btype, mode = VerbAgg$mode,
                   item = as.character(VerbAgg$item), level = VerbAgg$level)
verb$stem <- sub("DO", "", sub("WANT", "", toupper(verb$item)))
verb <- merge(verb[verb$mode == "want", c("id", "stem", "btype", "level")],
              verb[verb$mode == "do", c("id", "stem", "level")], by = c("id", "stem"))
names(verb)[4:5] <- c("wanted", "done")
verb <- verb[as.integer(as.character(verb$id)) <= 120 & verb$btype == "curse", ]
verb$wanted_any <- as.integer(verb$wanted > 0); verb$done_any <- as.integer(verb$done > 0)
asah <- data.frame(outcome = as.integer(aSAH$outcome == "Poor"), s100b = aSAH$s100b,
                   ndka = aSAH$ndka, wfns = as.integer(as.character(aSAH$wfns)),
                   gender = as.character(aSAH$gender), age = aSAH$age)
asah$test <- as.integer(asah$s100b > 0.2); asah$severe <- as.integer(asah$wfns >= 4)
# verification by rule: every row with a positive test, and every third or every second of the
# others by gender
asah$checked <- as.integer(asah$test == 1 | (seq_len(nrow(asah)) %% ifelse(asah$gender == "Male", 3, 2) == 0))
asah$reference <- ifelse(asah$checked == 1, asah$outcome, NA)
asah$ward <- (seq_len(nrow(asah)) * 7) %% 23  # clusters by rule
sets <- list(birthwt = birthwt, survey = survey_, bacteria = bacteria, respiratory = respiratory,
             lung = lung, infert = infert, airquality = airquality, chickwts = chickwts,
             toothgrowth = ToothGrowth, anorexia = anorexia, quine = quine, retinopathy = retinopathy,
             boys = boys, wide = wide, visits = visits, verb = verb, asah = asah,
             insects = InsectSprays, sleep = data.frame(a = sleep$extra[1:10], b = sleep$extra[11:20]),
             shoes = data.frame(a = shoes$A, b = shoes$B), immer = immer, veteran = veteran)
for (name in names(sets))
  write.csv(sets[[name]], file.path("descriptive", paste0(name, ".csv")), row.names = FALSE)

## tests of groups --------------------------------------------------------------------------
conditional <- function(tab, level = 0.95, mid = FALSE) {
  # conditional odds ratio, exact or mid-p limits: R's own equations, solved to full accuracy
  m <- sum(tab[, 1]); n <- sum(tab[, 2]); k <- sum(tab[1, ]); x <- tab[1, 1]
  lo <- max(0, k - n); hi <- min(k, m); support <- lo:hi
  logdc <- dhyper(support, m, n, k, log = TRUE)
  dn <- function(beta) { d <- logdc + beta * support; d <- exp(d - max(d)); d / sum(d) }
  root <- function(f) exp(uniroot(f, c(-40, 40), tol = 1e-15, maxiter = 5000)$root)
  half <- if (mid) 0.5 else 1; alpha <- (1 - level) / 2
  up <- function(b) { d <- dn(b); sum(d[support > x]) + half * d[support == x] }
  dw <- function(b) { d <- dn(b); sum(d[support < x]) + half * d[support == x] }
  d <- dn(0); own <- d[support == x]
  p <- sum(d[d <= own * (1 + 1e-7)]) - if (mid) own / 2 else 0
  c(p = min(1, p), estimate = if (x == lo) 0 else if (x == hi) NA else root(function(b) sum(dn(b) * support) - x),
    low = if (x == lo) 0 else root(function(b) up(b) - alpha),
    high = if (x == hi) Inf else root(function(b) dw(b) - alpha))
}
risk <- function(tab, correct, level) {
  # second group against first, event in the second column
  pt <- prop.test(rev(tab[, 2]), rev(rowSums(tab)), correct = correct, conf.level = level)
  list(estimate = num(pt$estimate[1] - pt$estimate[2]), low = num(pt$conf.int[1]), high = num(pt$conf.int[2]))
}
group_test <- function(data, variable, by, test, level = 0.95, exact = NULL, continuity = TRUE,
                       cluster = NULL, scores = NULL) {
  d <- sets[[data]]; d <- d[!is.na(d[[variable]]) & !is.na(d[[by]]), ]
  y <- d[[variable]]; out <- list()
  # groups in the order of the alphabet (or of the numbers), as a reader of the file has them
  g <- if (is.numeric(d[[by]])) factor(d[[by]]) else {
    words <- as.character(d[[by]]); factor(words, sort(unique(words), method = "radix"))
  }
  if (!is.null(cluster)) des <- svydesign(ids = as.formula(paste0("~", cluster)), weights = ~1,
                                          data = transform(d, y = y, g = g))
  if (test %in% c("pearson", "yates", "fisher", "fisher-mid-p", "g", "cochran-armitage")) {
    tab <- table(g, factor(y)); two <- all(dim(tab) == 2)
  }
  if (test %in% c("pearson", "yates")) {
    r <- chisq.test(tab, correct = test == "yates")
    out <- list(statistic = num(r$statistic), df = num(r$parameter), p_value = num(r$p.value))
    if (two) out <- c(out, risk(tab, test == "yates", level))
  } else if (test == "g") {
    l <- loglin(tab, list(1, 2), print = FALSE)
    out <- list(statistic = l$lrt, df = l$df, p_value = pchisq(l$lrt, l$df, lower.tail = FALSE))
  } else if (test %in% c("fisher", "fisher-mid-p")) {
    if (two) {
      r <- conditional(matrix(c(tab[2, 2], tab[1, 2], tab[2, 1], tab[1, 1]), 2), level, test != "fisher")
      out <- list(p_value = num(r["p"]), estimate = num(r["estimate"]), low = num(r["low"]), high = num(r["high"]))
      if (test == "fisher") stopifnot(abs(fisher.test(tab)$p.value - out$p_value) < 1e-12)
    } else out <- list(p_value = fisher.test(tab, workspace = 2e8)$p.value)
  } else if (test == "cochran-armitage") {
    r <- prop.trend.test(tab[, 2], rowSums(tab), if (is.null(scores)) seq_len(nrow(tab)) else scores)
    out <- list(statistic = num(r$statistic), df = 1, p_value = num(r$p.value))
  } else if (test %in% c("welch", "student")) {
    s <- split(y, g); r <- t.test(s[[2]], s[[1]], var.equal = test == "student", conf.level = level)
    out <- list(statistic = num(r$statistic), df = num(r$parameter), p_value = num(r$p.value),
                estimate = num(diff(rev(r$estimate))), low = r$conf.int[1], high = r$conf.int[2])
  } else if (test == "mann-whitney") {
    s <- split(y, g)
    r <- wilcox.test(s[[2]], s[[1]], exact = exact, correct = continuity, conf.int = TRUE,
                     conf.level = level, tol.root = 1e-13)
    p <- r$p.value
    tied <- anyDuplicated(y) > 0
    if (isTRUE(exact) && tied) p <- num(pvalue(wilcox_test(y ~ g, distribution = "exact")))
    out <- list(statistic = num(r$statistic), p_value = num(p), estimate = median(outer(s[[2]], s[[1]], "-")),
                low = r$conf.int[1], high = r$conf.int[2])
  } else if (test == "kruskal-wallis") {
    r <- kruskal.test(y, g)
    out <- list(statistic = num(r$statistic), df = num(r$parameter), p_value = r$p.value)
  } else if (test %in% c("anova", "welch-anova")) {
    r <- oneway.test(y ~ g, var.equal = test == "anova")
    out <- list(statistic = num(r$statistic), df = num(r$parameter[1]), df_residual = num(r$parameter[2]),
                p_value = r$p.value)
  } else if (test == "rao-scott") {
    r <- svychisq(~y + g, des, statistic = "F")
    out <- list(statistic = num(r$statistic), df = num(r$parameter[1]), df_residual = num(r$parameter[2]),
                p_value = num(r$p.value))
    if (length(unique(y)) == 2 && nlevels(g) == 2) {
      m <- svyglm(I(y == max(y)) ~ g, des); half <- qt(0.5 + level / 2, degf(des)) * SE(m)[2]
      out <- c(out, list(estimate = num(coef(m)[2]), low = num(coef(m)[2] - half), high = num(coef(m)[2] + half)))
    }
  } else if (test == "donald-donner") {
    out <- donald_donner(as.numeric(y), g, d[[cluster]])
  } else if (test == "mean-clustered") {
    if (nlevels(g) == 2) {
      r <- svyttest(y ~ g, des)
      out <- list(statistic = num(r$statistic), df = num(r$parameter), p_value = num(r$p.value),
                  estimate = num(r$estimate), low = r$conf.int[1], high = r$conf.int[2])
    } else {
      m <- svyglm(y ~ g, des); r <- regTermTest(m, ~g)
      out <- list(statistic = num(r$Ftest), df = r$df, df_residual = r$ddf, p_value = num(r$p))
    }
  } else if (test == "rank-clustered") {
    r <- svyranktest(y ~ g, des)
    if (nlevels(g) == 2) out <- list(statistic = num(r$statistic), df = num(r$parameter),
                                     p_value = num(r$p.value), estimate = num(r$estimate))
    else out <- list(statistic = num(r$parameter / r$statistic), df = num(r$statistic),
                     df_residual = r$ddf, p_value = num(r$p.value))
  }
  list(data = data, variable = variable, by = by, test = test, level = level,
       exact = exact, continuity = continuity, cluster = cluster, scores = scores, result = out)
}
donald_donner <- function(y, g, cluster) {
  # the intraclass correlation from the analysis of variance, common to the groups
  m <- tapply(y, cluster, length); e <- tapply(y, cluster, sum); gr <- tapply(as.integer(g), cluster, function(v) v[1])
  p <- e / m; n <- tapply(m, gr, sum); pg <- tapply(e, gr, sum) / n
  msc <- sum(m * (p - pg[gr])^2) / (length(m) - length(n)); mse <- sum(m * p * (1 - p)) / (sum(m) - length(m))
  m2 <- tapply(m^2, gr, sum); m0 <- (sum(m) - sum(m2 / n)) / (length(m) - length(n))
  rho <- max(0, (msc - mse) / (msc + (m0 - 1) * mse)); effect <- 1 + (m2 / n - 1) * rho
  overall <- sum(e) / sum(m); x2 <- sum(n * (pg - overall)^2 / effect) / (overall * (1 - overall))
  list(statistic = x2, df = length(n) - 1, p_value = pchisq(x2, length(n) - 1, lower.tail = FALSE))
}
G <- group_test
groups <- list(
  G("birthwt", "low", "smoke", "pearson"), G("birthwt", "low", "race", "pearson"),
  G("birthwt", "low", "smoke", "pearson", level = 0.9), G("birthwt", "low", "smoke", "yates"),
  G("birthwt", "low", "ht", "yates"), G("birthwt", "low", "smoke", "fisher"),
  G("birthwt", "low", "ht", "fisher"), G("birthwt", "low", "ui", "fisher", level = 0.99),
  G("birthwt", "low", "race", "fisher"), G("birthwt", "ftv", "race", "fisher"),
  G("birthwt", "ptl", "race", "fisher"), G("birthwt", "low", "ht", "fisher-mid-p"),
  G("birthwt", "low", "smoke", "fisher-mid-p", level = 0.9), G("birthwt", "low", "race", "g"),
  G("birthwt", "low", "ui", "g"), G("birthwt", "low", "race", "cochran-armitage"),
  G("survey", "Smoke", "Exer", "pearson"), G("survey", "Smoke", "Exer", "fisher"),
  G("survey", "Smoke", "Sex", "fisher"), G("survey", "Clap", "Fold", "fisher"),
  G("survey", "W.Hnd", "Sex", "yates"), G("survey", "W.Hnd", "Sex", "fisher"),
  G("survey", "W.Hnd", "Clap", "g"), G("survey", "Exer", "Sex", "pearson"),
  G("infert", "case", "education", "fisher"), G("infert", "case", "spontaneous", "cochran-armitage"),
  G("infert", "case", "spontaneous", "cochran-armitage", scores = c(0, 1, 4)),
  G("infert", "case", "induced", "pearson"), G("infert", "parity", "education", "fisher"),
  G("boys", "gen", "reg", "pearson"), G("boys", "phb", "gen", "pearson"),
  G("veteran", "celltype", "trt", "fisher"), G("veteran", "status", "celltype", "fisher"),
  G("quine", "Age", "Eth", "pearson"), G("quine", "Age", "Lrn", "fisher"),
  G("anorexia", "Prewt", "Treat", "anova"), G("anorexia", "Postwt", "Treat", "welch-anova"),
  G("birthwt", "bwt", "smoke", "welch"), G("birthwt", "bwt", "smoke", "student"),
  G("birthwt", "lwt", "ht", "welch", level = 0.9), G("birthwt", "bwt", "smoke", "mann-whitney"),
  G("birthwt", "age", "low", "mann-whitney", continuity = FALSE),
  G("birthwt", "lwt", "ui", "mann-whitney", level = 0.9), G("birthwt", "bwt", "race", "kruskal-wallis"),
  G("birthwt", "bwt", "race", "anova"), G("birthwt", "bwt", "race", "welch-anova"),
  G("toothgrowth", "len", "supp", "welch"), G("toothgrowth", "len", "supp", "mann-whitney"),
  G("toothgrowth", "len", "supp", "mann-whitney", exact = TRUE), G("toothgrowth", "len", "dose", "kruskal-wallis"),
  G("chickwts", "weight", "feed", "anova"), G("chickwts", "weight", "feed", "kruskal-wallis"),
  G("airquality", "Ozone", "Month", "kruskal-wallis"), G("airquality", "Ozone", "Month", "welch-anova"),
  G("insects", "count", "spray", "kruskal-wallis"), G("insects", "count", "spray", "anova"),
  G("lung", "ph.karno", "sex", "mann-whitney"), G("lung", "meal.cal", "sex", "welch"),
  G("lung", "wt.loss", "sex", "student"), G("lung", "age", "sex", "mann-whitney", exact = FALSE),
  G("quine", "Days", "Sex", "mann-whitney"), G("quine", "Days", "Age", "kruskal-wallis"),
  G("boys", "hgt", "reg", "kruskal-wallis"), G("survey", "Pulse", "Exer", "kruskal-wallis"),
  G("survey", "Height", "Sex", "welch"), G("survey", "Age", "Sex", "mann-whitney"),
  G("asah", "ndka", "outcome", "mann-whitney"), G("asah", "s100b", "outcome", "mann-whitney"),
  G("asah", "age", "outcome", "welch"), G("asah", "wfns", "outcome", "pearson"), G("asah", "wfns", "outcome", "fisher"),
  G("respiratory", "outcome", "treat", "rao-scott", cluster = "patient"),
  G("respiratory", "outcome", "sex", "rao-scott", cluster = "patient", level = 0.9),
  G("respiratory", "outcome", "visit", "rao-scott", cluster = "patient"),
  G("bacteria", "positive", "trt", "rao-scott", cluster = "ID"),
  G("bacteria", "positive", "week", "rao-scott", cluster = "ID"),
  G("retinopathy", "status", "trt", "rao-scott", cluster = "id"),
  G("retinopathy", "risk", "type", "rao-scott", cluster = "id"),
  G("verb", "wanted", "stem", "rao-scott", cluster = "id"),
  G("respiratory", "outcome", "treat", "donald-donner", cluster = "patient"),
  G("bacteria", "positive", "trt", "donald-donner", cluster = "ID"),
  G("retinopathy", "status", "type", "donald-donner", cluster = "id"),
  G("retinopathy", "futime", "trt", "mean-clustered", cluster = "id"),
  G("retinopathy", "age", "laser", "mean-clustered", cluster = "id"),
  G("retinopathy", "risk", "trt", "rank-clustered", cluster = "id"),
  G("retinopathy", "futime", "type", "rank-clustered", cluster = "id"),
  G("verb", "done", "stem", "mean-clustered", cluster = "id"),
  G("verb", "done", "stem", "rank-clustered", cluster = "id"),
  G("bacteria", "week", "positive", "rank-clustered", cluster = "ID")
)
write_json(groups, "descriptive/groups.json", auto_unbox = TRUE, digits = NA, na = "null", null = "null", pretty = TRUE)

## tests of pairs ---------------------------------------------------------------------------
pair_test <- function(data, first, second, test, level = 0.95, exact = NULL, continuity = TRUE) {
  d <- sets[[data]]; a <- d[[first]]; b <- d[[second]]; ok <- !is.na(a) & !is.na(b); a <- a[ok]; b <- b[ok]
  if (test == "paired-t") {
    r <- t.test(a, b, paired = TRUE, conf.level = level)
    out <- list(statistic = num(r$statistic), df = num(r$parameter), p_value = r$p.value,
                estimate = num(r$estimate), low = r$conf.int[1], high = r$conf.int[2])
  } else if (test == "signed-rank") {
    r <- wilcox.test(a, b, paired = TRUE, exact = exact, correct = continuity, conf.int = TRUE,
                     conf.level = level, tol.root = 1e-13)
    diff <- (a - b)[a != b]; walsh <- outer(diff, diff, "+") / 2; p <- r$p.value
    if (isTRUE(exact) && (any(a == b) || anyDuplicated(abs(diff))))
      p <- num(pvalue(wilcoxsign_test(a ~ b, distribution = "exact", zero.method = "Wilcoxon")))
    out <- list(statistic = num(r$statistic), p_value = p, low = r$conf.int[1], high = r$conf.int[2],
                estimate = median(walsh[lower.tri(walsh, diag = TRUE)]))
  } else if (test == "sign") {
    r <- binom.test(sum(a > b), sum(a != b)); out <- list(statistic = sum(a > b), p_value = r$p.value)
  } else {
    tab <- table(factor(a, 0:1), factor(b, 0:1)); x <- tab[2, 1]; y <- tab[1, 2]
    out <- switch(test,
      "mcnemar" = { r <- mcnemar.test(tab, correct = FALSE); list(statistic = num(r$statistic), df = 1, p_value = num(r$p.value)) },
      "mcnemar-corrected" = { r <- mcnemar.test(tab); list(statistic = num(r$statistic), df = 1, p_value = num(r$p.value)) },
      "mcnemar-exact" = list(p_value = binom.test(x, x + y)$p.value),
      "mcnemar-mid-p" = list(p_value = 2 * pbinom(min(x, y), x + y, 0.5) - dbinom(x, x + y, 0.5)))
  }
  list(data = data, first = first, second = second, test = test, level = level, exact = exact,
       continuity = continuity, result = out)
}
P <- pair_test
pairs <- list(
  P("sleep", "a", "b", "paired-t"), P("sleep", "a", "b", "signed-rank"), P("sleep", "a", "b", "sign"),
  P("sleep", "a", "b", "signed-rank", exact = TRUE), P("shoes", "a", "b", "paired-t", level = 0.9),
  P("shoes", "a", "b", "signed-rank", continuity = FALSE), P("immer", "Y1", "Y2", "signed-rank"),
  P("immer", "Y1", "Y2", "paired-t"), P("immer", "Y1", "Y2", "sign"),
  P("anorexia", "Postwt", "Prewt", "paired-t"), P("anorexia", "Postwt", "Prewt", "signed-rank"),
  P("anorexia", "Postwt", "Prewt", "signed-rank", level = 0.9, continuity = FALSE),
  P("verb", "wanted", "done", "signed-rank"), P("verb", "wanted", "done", "sign"),
  P("wide", "y7", "y10", "mcnemar"), P("wide", "y7", "y10", "mcnemar-corrected"),
  P("wide", "y9", "y10", "mcnemar-exact"), P("wide", "y8", "y9", "mcnemar-mid-p"),
  P("visits", "v1", "v4", "mcnemar"), P("visits", "v1", "v2", "mcnemar-exact"),
  P("visits", "v2", "v4", "mcnemar-mid-p"), P("asah", "test", "severe", "mcnemar-corrected")
)
write_json(pairs, "descriptive/pairs.json", auto_unbox = TRUE, digits = NA, na = "null", null = "null", pretty = TRUE)

## paired proportions -----------------------------------------------------------------------
tango <- function(b, c, n, level) {
  # the score statistic with the share of discordant rows maximised numerically
  z <- qnorm(0.5 + level / 2)
  score <- function(delta) {
    loglik <- function(q) {
      p12 <- q + delta; rest <- 1 - 2 * q - delta
      (if (b > 0) b * log(p12) else 0) + (if (c > 0) c * log(q) else 0) + (if (n - b - c > 0) (n - b - c) * log(rest) else 0)
    }
    lo <- max(0, -delta); hi <- (1 - delta) / 2
    slope <- function(q) (if (b > 0) b / (q + delta) else 0) + (if (c > 0) c / q else 0) - 2 * (n - b - c) / (1 - 2 * q - delta)
    eps <- 1e-14 * (hi - lo)
    q <- if (slope(lo + eps) <= 0) lo else if (slope(hi - eps) >= 0) hi else
      uniroot(slope, c(lo + eps, hi - eps), tol = 1e-17, maxiter = 1e4)$root
    (b - c - n * delta) / sqrt(n * (2 * q + delta - delta^2))
  }
  est <- (b - c) / n
  c(uniroot(function(d) score(d) - z, c(-1 + 1e-9, est - 1e-9), tol = 1e-15, maxiter = 1e4)$root,
    uniroot(function(d) score(d) + z, c(est + 1e-9, 1 - 1e-9), tol = 1e-15, maxiter = 1e4)$root)
}
proportions <- function(data, first, second, cluster = NULL, level = 0.95) {
  d <- sets[[data]]; d <- d[!is.na(d[[first]]) & !is.na(d[[second]]), ]
  a <- d[[first]]; b <- d[[second]]; n <- length(a); x <- sum(a & !b); y <- sum(b & !a); e <- (x - y) / n
  out <- list(estimate = e)
  if (is.null(cluster)) {
    se <- sqrt(x + y - (x - y)^2 / n) / n; t <- tango(x, y, n, level); z <- qnorm(0.5 + level / 2)
    out <- c(out, list(std_error = se, score_low = t[1], score_high = t[2], wald_low = e - z * se, wald_high = e + z * se))
  } else {
    des <- svydesign(ids = as.formula(paste0("~", cluster)), weights = ~1, data = transform(d, diff = a - b))
    m <- svymean(~diff, des); half <- qt(0.5 + level / 2, degf(des)) * SE(m)
    cl <- as.character(d[[cluster]]); dk <- tapply(a - b, cl, sum); nk <- tapply(a, cl, length); k <- length(dk)
    ob <- sum(dk)^2 / (k / (k - 1) * sum(dk^2)); du <- sum(dk / nk)^2 / sum((dk / nk)^2)
    out <- c(out, list(std_error = num(SE(m)), wald_low = num(e - half), wald_high = num(e + half), obuchowski = ob,
                       obuchowski_p = pchisq(ob, 1, lower.tail = FALSE), durkalski = du,
                       durkalski_p = pchisq(du, 1, lower.tail = FALSE)))
  }
  list(data = data, first = first, second = second, cluster = cluster, level = level, result = out)
}
props <- list(
  proportions("wide", "y7", "y10"), proportions("wide", "y8", "y9", level = 0.9), proportions("visits", "v1", "v4"),
  proportions("visits", "v2", "v3", level = 0.99), proportions("asah", "test", "severe"), proportions("verb", "wanted_any", "done_any"),
  proportions("verb", "wanted_any", "done_any", cluster = "id"), proportions("verb", "wanted_any", "done_any", cluster = "id", level = 0.9),
  proportions("verb", "wanted_any", "done_any", cluster = "stem"), proportions("asah", "test", "severe", cluster = "ward"),
  proportions("visits", "v1", "v4", cluster = "center"), proportions("birthwt", "smoke", "low", cluster = "ftv")
)
write_json(props, "descriptive/paired.json", auto_unbox = TRUE, digits = NA, na = "null", null = "null", pretty = TRUE)

## agreement --------------------------------------------------------------------------------
kappa_case <- function(data, first, second, weights = NULL, cluster = NULL) {
  d <- sets[[data]]; d <- d[!is.na(d[[first]]) & !is.na(d[[second]]), ]
  lev <- sort(unique(c(as.character(d[[first]]), as.character(d[[second]]))))
  a <- factor(d[[first]], lev); b <- factor(d[[second]], lev); k <- length(lev); tab <- table(a, b); n <- sum(tab)
  steps <- abs(outer(1:k, 1:k, "-")); w <- if (is.null(weights)) 1 * (steps == 0) else if (weights == "linear") 1 - steps / (k - 1) else 1 - steps^2 / (k - 1)^2
  out <- list()
  kappa_of <- function(p, w) { po <- sum(w * p); pe <- sum(w * outer(rowSums(p), colSums(p))); (po - pe) / (1 - pe) }
  out$kappa <- kappa_of(tab / n, w)
  if (is.null(cluster)) {
    r <- cohen.kappa(tab, w = if (is.null(weights)) NULL else w, n.obs = n)
    out$kappa_psych <- if (is.null(weights)) r$kappa else r$weighted.kappa
    # Fleiss, Cohen and Everitt's variance; the weighted one is written out, since psych 2.2.9
    # adds the weights of the row margins over the wrong index
    out$std_error <- if (is.null(weights)) sqrt(r$var.kappa) else {
      p <- tab / n; rows <- rowSums(p); cols <- colSums(p); po <- sum(w * p); pe <- sum(w * outer(rows, cols))
      bar <- outer(drop(w %*% cols), drop(rows %*% w), "+")
      sqrt((sum(p * (w * (1 - pe) - bar * (1 - po))^2) - (po * pe - 2 * pe + po)^2) / (n * (1 - pe)^4))
    }
    if (k == 2) {
      e <- epi.kappa(tab, method = "fleiss")
      out$z <- e$z$test.statistic; out$p_value <- e$z$p.value; out$pabak <- e$pabak$est
      out$prevalence <- e$pindex$est; out$bias <- e$bindex$est
      out$po <- e$prop.agree$obs; out$pe <- e$prop.agree$exp
      jk <- sapply(1:4, function(i) { t <- tab; if (t[i] == 0) NA else { t[i] <- t[i] - 1; kappa_of(t / (n - 1), w) } })
      jk <- rep(jk, as.vector(tab)); out$jackknife <- sqrt((n - 1) / n * sum((jk - mean(jk))^2))
    }
  } else {
    des <- svydesign(ids = as.formula(paste0("~", cluster)), weights = ~1, data = transform(d, a = a, b = b))
    if (is.null(weights)) { r <- svykappa(~a + b, des); out$std_error <- num(SE(r)) }
    cl <- d[[cluster]]; ids <- unique(cl)
    jk <- sapply(ids, function(i) { t <- table(a[cl != i], b[cl != i]); kappa_of(t / sum(t), w) })
    g <- length(ids); out$jackknife <- sqrt((g - 1) / g * sum((jk - mean(jk))^2))
  }
  list(data = data, first = first, second = second, weights = weights, cluster = cluster, result = out)
}
K <- kappa_case
kappas <- list(
  K("wide", "y7", "y8"), K("wide", "y9", "y10"), K("visits", "v1", "v2"), K("visits", "v3", "v4"), K("asah", "test", "outcome"),
  K("survey", "Clap", "Fold"), K("verb", "wanted", "done"), K("verb", "wanted", "done", "linear"), K("verb", "wanted", "done", "quadratic"),
  K("boys", "gen", "phb"), K("survey", "Clap", "Fold", "linear"), K("verb", "wanted_any", "done_any", cluster = "id"),
  K("verb", "wanted", "done", cluster = "id"), K("verb", "wanted", "done", "quadratic", "id"), K("verb", "wanted", "done", "linear", "id"),
  K("asah", "test", "severe", cluster = "ward"), K("visits", "v1", "v2", cluster = "center")
)
write_json(kappas, "descriptive/agreement.json", auto_unbox = TRUE, digits = NA, na = "null", null = "null", pretty = TRUE)

## accuracy ---------------------------------------------------------------------------------
accuracy <- function(data, test, reference, interval = "exact", level = 0.95, cluster = NULL) {
  d <- sets[[data]]; d <- d[!is.na(d[[test]]) & !is.na(d[[reference]]), ]
  t <- d[[test]]; r <- d[[reference]]
  tab <- matrix(c(sum(t & r), sum(!t & r), sum(t & !r), sum(!t & !r)), 2)  # rows test +, −; columns D +, −
  out <- list()
  if (is.null(cluster)) {
    e <- epi.tests(as.table(tab), method = interval, conf.level = level)$detail
    pick <- function(s) num(e[e$statistic == s, c("est", "lower", "upper")])
    out <- list(sensitivity = pick("se"), specificity = pick("sp"), ppv = pick("pv.pos"), npv = pick("pv.neg"),
                lr_positive = pick("lr.pos"), lr_negative = pick("lr.neg"), prevalence = pick("tp"), accuracy = pick("diag.ac"))
    z <- qnorm(0.5 + level / 2); lor <- log(tab[1, 1] * tab[2, 2] / (tab[1, 2] * tab[2, 1])); se <- sqrt(sum(1 / tab))
    out$dor <- exp(lor + c(0, -1, 1) * z * se)
    s1 <- tab[1, 1] / sum(tab[, 1]); s2 <- tab[2, 2] / sum(tab[, 2])
    se <- sqrt(s1 * (1 - s1) / sum(tab[, 1]) + s2 * (1 - s2) / sum(tab[, 2])); out$youden <- s1 + s2 - 1 + c(0, -1, 1) * z * se
  } else {
    des <- svydesign(ids = as.formula(paste0("~", cluster)), weights = ~1,
                     data = transform(d, tp = t * r, fn = (1 - t) * r, fp = t * (1 - r), tn = (1 - t) * (1 - r), dis = r, free = 1 - r, pos = t, neg = 1 - t))
    tot <- svytotal(~tp + fn + fp + tn, des)
    con <- svycontrast(tot, list(lrp = quote(log(tp / (tp + fn)) - log(fp / (fp + tn))), lrn = quote(log(fn / (tp + fn)) - log(tn / (fp + tn))),
                                 dor = quote(log(tp * tn / (fp * fn))), youden = quote(tp / (tp + fn) + tn / (tn + fp) - 1)))
    sub <- function(a, b) num(SE(svyratio(as.formula(paste0("~", a)), as.formula(paste0("~", b)), subset(des, des$variables[[b]] == 1))))
    out <- list(sensitivity = sub("tp", "dis"), specificity = sub("tn", "free"), ppv = sub("tp", "pos"), npv = sub("tn", "neg"),
                lr_positive = num(SE(con)[1]), lr_negative = num(SE(con)[2]), dor = num(SE(con)[3]), youden = num(SE(con)[4]))
  }
  list(data = data, test = test, reference = reference, interval = interval, level = level, cluster = cluster, result = out)
}
begg <- function(data, test, reference) {
  d <- sets[[data]]; t <- d[[test]]; r <- d[[reference]]; n <- length(t); phi <- mean(t)
  v <- sapply(0:1, function(k) sum(!is.na(r[t == k]))); p <- sapply(0:1, function(k) mean(r[t == k], na.rm = TRUE))
  se <- phi * p[2] / (phi * p[2] + (1 - phi) * p[1]); sp <- (1 - phi) * (1 - p[1]) / ((1 - phi) * (1 - p[1]) + phi * (1 - p[2]))
  v_se <- 1 / (n * phi * (1 - phi)) + (1 - p[2]) / (v[2] * p[2]) + (1 - p[1]) / (v[1] * p[1])
  v_sp <- 1 / (n * phi * (1 - phi)) + p[2] / (v[2] * (1 - p[2])) + p[1] / (v[1] * (1 - p[1]))
  z <- qnorm(0.975)
  list(data = data, test = test, reference = reference, result = list(
    sensitivity = plogis(qlogis(se) + c(0, -1, 1) * z * sqrt(v_se)), specificity = plogis(qlogis(sp) + c(0, -1, 1) * z * sqrt(v_sp)),
    ppv = p[2], npv = 1 - p[1]))
}
ipw <- function(data, test, reference, covariates) {
  # weights of a logistic model of verification within each test result; the variance by stacking
  d <- sets[[data]]; t <- d[[test]]; r <- d[[reference]]; v <- !is.na(r); n <- length(t); pi <- rep(1, n); infl <- matrix(0, n, 4); theta <- numeric(4)
  for (k in 0:1) {
    own <- t == k; out <- cbind(ifelse(v, 1 - r, 0), ifelse(v, r, 0)); out[is.na(out)] <- 0
    if (all(v[own])) { part <- out[own, ] } else {
      m <- glm(as.formula(paste("v ~", covariates)), binomial, transform(d, v = v)[own, ], control = list(epsilon = 1e-15, maxit = 100))
      X <- model.matrix(m); p <- fitted(m); w <- out[own, ] / p
      H <- -t(X) %*% (w * (1 - p)); A <- t(X) %*% (X * (p * (1 - p)))
      part <- w + (X * (v[own] - p)) %*% solve(A, H); theta[2 * k + 1:2] <- colSums(w) / n
    }
    if (all(v[own])) theta[2 * k + 1:2] <- colSums(part) / n
    infl[own, 2 * k + 1:2] <- part
  }
  infl <- sweep(infl, 2, theta) / n; V <- crossprod(infl)
  se <- theta[4] / (theta[4] + theta[2]); g <- c(0, -1 / theta[2], 0, 1 / theta[4]); z <- qnorm(0.975)
  sp <- theta[1] / (theta[1] + theta[3]); h <- c(1 / theta[1], 0, -1 / theta[3], 0)
  list(data = data, test = test, reference = reference, covariates = strsplit(covariates, " \\+ ")[[1]], result = list(
    sensitivity = plogis(qlogis(se) + c(0, -1, 1) * z * sqrt(drop(t(g) %*% V %*% g))),
    specificity = plogis(qlogis(sp) + c(0, -1, 1) * z * sqrt(drop(t(h) %*% V %*% h)))))
}
acc <- list(
  accuracy("asah", "test", "outcome"), accuracy("asah", "severe", "outcome", "wilson"), accuracy("asah", "test", "outcome", level = 0.9),
  accuracy("birthwt", "smoke", "low", "wilson"), accuracy("birthwt", "ht", "low"), accuracy("wide", "y9", "y10"), accuracy("visits", "v3", "v4", "wilson"),
  accuracy("verb", "wanted_any", "done_any", cluster = "id"), accuracy("asah", "severe", "outcome", cluster = "ward"),
  accuracy("respiratory", "baseline", "outcome", cluster = "patient")
)
write_json(list(complete = acc, begg = list(begg("asah", "test", "reference"), begg("asah", "severe", "reference")),
                ipw = list(ipw("asah", "severe", "reference", "gender"), ipw("asah", "severe", "reference", "gender + age"),
                           ipw("asah", "test", "reference", "age"))),
           "descriptive/accuracy.json", auto_unbox = TRUE, digits = NA, na = "null", null = "null", pretty = TRUE)

## shares and rates -------------------------------------------------------------------------
share <- function(data, outcome, cluster = NULL, level = 0.95) {
  d <- sets[[data]]; d <- d[!is.na(d[[outcome]]), ]; y <- as.numeric(d[[outcome]]); n <- length(y); x <- sum(y)
  if (is.null(cluster)) out <- list(`clopper-pearson` = as.numeric(binom.test(x, n, conf.level = level)$conf.int),
    wilson = as.numeric(prop.test(x, n, correct = FALSE, conf.level = level)$conf.int),
    wald = x / n + c(-1, 1) * qnorm(0.5 + level / 2) * sqrt(x / n * (1 - x / n) / n),
    jeffreys = qbeta(c(0, 1) + c(1, -1) * (1 - level) / 2, x + 0.5, n - x + 0.5))
  else {
    des <- svydesign(ids = as.formula(paste0("~", cluster)), weights = ~1, data = transform(d, y = y)); m <- svymean(~y, des)
    out <- list(std_error = num(SE(m)), `clopper-pearson` = num(confint(svyciprop(~y, des, method = "beta", level = level))),
                wald = num(confint(m, level = level, df = degf(des))))
  }
  list(data = data, outcome = outcome, cluster = cluster, level = level, result = out)
}
rate <- function(data, duration, event, by, level = 0.95) {
  d <- sets[[data]]; d <- d[!is.na(d[[duration]]) & !is.na(d[[event]]) & !is.na(d[[by]]), ]
  g <- factor(d[[by]]); x <- tapply(d[[event]], g, sum); t <- tapply(d[[duration]], g, sum)
  one <- lapply(levels(g), function(k) as.numeric(poisson.test(x[[k]], t[[k]], conf.level = level)$conf.int))
  r <- poisson.test(c(x[[2]], x[[1]]), c(t[[2]], t[[1]]), conf.level = level)
  share <- t[[2]] / (t[[1]] + t[[2]]); n <- x[[1]] + x[[2]]; mid <- function(p, k) pbinom(k - 1, n, p) + dbinom(k, n, p) / 2
  odds <- function(p) p / (1 - p) * t[[1]] / t[[2]]; a <- (1 - level) / 2
  low <- uniroot(function(p) 1 - mid(p, x[[2]]) - a, c(0, 1), tol = 1e-16, maxiter = 1e4)$root
  high <- uniroot(function(p) mid(p, x[[2]]) - a, c(0, 1), tol = 1e-16, maxiter = 1e4)$root
  list(data = data, duration = duration, event = event, by = by, level = level, result = list(
    rates = one, ratio = num(r$estimate), exact = as.numeric(r$conf.int), p_value = r$p.value,
    mid = c(odds(low), odds(high)), mid_p = min(1, 2 * min(mid(share, x[[2]]), 1 - mid(share, x[[2]])))))
}
write_json(list(
  shares = list(share("birthwt", "low"), share("birthwt", "ht", level = 0.9), share("wide", "y7"), share("lung", "dead", level = 0.99),
    share("respiratory", "outcome", "patient"), share("bacteria", "positive", "ID"), share("retinopathy", "status", "id", 0.9), share("verb", "done_any", "id")),
  rates = list(rate("lung", "time", "dead", "sex"), rate("veteran", "time", "status", "trt", 0.9), rate("retinopathy", "futime", "status", "trt"))),
  "descriptive/shares.json", auto_unbox = TRUE, digits = NA, na = "null", null = "null", pretty = TRUE)

packages <- c("stats", "coin", "survey", "epiR", "psych", "MASS", "survival", "pROC", "geepack", "lme4", "mice")
write_json(list(R = R.version.string, packages = sapply(packages, function(p) as.character(packageVersion(p)), simplify = FALSE),
                settings = "uniroot tol 1e-13 or tighter; wilcox.test tol.root 1e-13; fisher.test workspace 2e8"),
           "descriptive/manifest.json", auto_unbox = TRUE, pretty = TRUE)
