//! Where features are kept between runs.

use std::path::PathBuf;

use plainfilm::train::FeatureCache;

/// Where features are kept between runs: `$PLAINFILM_CACHE`, else `plainfilm/features` among the user's
/// caches. None when nothing may be kept, or nobody's home is known.
pub fn feature_cache(limit: Option<u64>) -> Option<FeatureCache> {
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let folder = variable("PLAINFILM_CACHE").or_else(|| {
        let caches =
            variable("XDG_CACHE_HOME").or_else(|| Some(std::env::home_dir()?.join(".cache")))?;
        Some(caches.join("plainfilm").join("features"))
    })?;
    let limit = limit.unwrap_or(FeatureCache::DEFAULT_LIMIT);
    (limit > 0).then_some(FeatureCache { folder, limit })
}
