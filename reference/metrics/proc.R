# DeLong's variance and paired test by R's pROC (Robin et al., BMC Bioinformatics 2011) on the rankings of intervals.json.
#
#   apt-get install r-cran-proc r-cran-jsonlite && Rscript proc.R        # in this folder
suppressPackageStartupMessages(library(pROC))
library(jsonlite)

cases <- fromJSON("intervals.json", simplifyDataFrame = FALSE)$paired
rows <- lapply(cases, function(case) {
  curve <- function(scores) {
    roc(case$positive, scores, levels = c(FALSE, TRUE), direction = "<", quiet = TRUE)
  }
  first <- curve(case$first)
  second <- curve(case$second)
  areas <- as.numeric(c(auc(first), auc(second)))
  variances <- c(var(first, method = "delong"), var(second, method = "delong"))
  # pROC's own interval is symmetric about the area and may leave 0 to 1; this is its variance on the logit scale.
  half <- qnorm(0.975) * sqrt(variances) / (areas * (1 - areas))
  test <- roc.test(first, second, method = "delong", paired = TRUE)
  list(
    areas = areas,
    variances = variances,
    low = plogis(qlogis(areas) - half),
    high = plogis(qlogis(areas) + half),
    z = unname(test$statistic),
    p_value = test$p.value
  )
})
written <- list(
  versions = list(pROC = as.character(packageVersion("pROC")), R = as.character(getRversion())),
  cases = rows
)
write(toJSON(written, digits = NA, auto_unbox = TRUE, pretty = TRUE), "proc.json")
