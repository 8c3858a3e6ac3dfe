use futures_util::StreamExt as _;
use object_store::ObjectStore as _;
use rivet_model::RunId;

use super::ObjectStoreParts;
use crate::layout::{manifest_of_part, safe_name};
use crate::manifest::Manifest;
use crate::partition::is_folder;
use crate::store::StoreError;

impl ObjectStoreParts {
    /// Lists the parts of a run that its manifest does not.
    pub(super) async fn strays(&self, manifest: &Manifest) -> Result<Vec<String>, StoreError> {
        let mut strays = match manifest.partition_by.first() {
            Some(level) => {
                // Its parts lie in folders of this name alone, little else behind them.
                self.parts_behind(&format!("{}=", level.key), manifest.run_id, |_| true).await?
            }
            None => {
                // Names are listed in their order, and those of one run come one after the other.
                let before = format!("{}-{}-", safe_name(&manifest.export), manifest.run_id);
                let first = before.trim_end_matches('-');
                self.parts_behind(first, manifest.run_id, |name| name.starts_with(&before)).await?
            }
        };
        let listed = manifest.part_names();
        strays.retain(|name| !listed.contains(name.as_str()));
        Ok(strays)
    }

    /// Lists the parts of a run that can be seen: right below the root, and in the folders that rows are sorted into.
    pub(super) async fn parts_of(&self, run: RunId) -> Result<Vec<String>, StoreError> {
        let root = (!self.root.as_ref().is_empty()).then_some(&self.root);
        let listed = self.store.list_with_delimiter(root).await;
        let listed = listed.map_err(|source| StoreError::object("list", self, source))?;
        let names = listed.objects.iter().filter_map(|object| object.location.filename());
        let mut parts: Vec<String> =
            names.filter(|name| manifest_of_part(name, run).is_some()).map(ToOwned::to_owned).collect();
        let folders = listed.common_prefixes.iter().filter_map(|path| path.filename());
        let folders: Vec<String> = folders.filter(|name| is_folder(name)).map(|name| format!("{name}/")).collect();
        if let (Some(first), Some(last)) = (folders.iter().min(), folders.iter().max()) {
            let goes_on = |name: &str| name < last.as_str() || name.starts_with(last.as_str());
            parts.extend(self.parts_behind(first.trim_end_matches('/'), run, goes_on).await?);
        }
        Ok(parts)
    }

    /// Lists the parts of a run whose names come behind another, in their order, as long as there may be more.
    async fn parts_behind(
        &self,
        before: &str,
        run: RunId,
        goes_on: impl Fn(&str) -> bool,
    ) -> Result<Vec<String>, StoreError> {
        let root = (!self.root.as_ref().is_empty()).then_some(&self.root);
        let mut listed = self.store.list_with_offset(root, &self.path(before)?);
        let mut parts = Vec::new();
        while let Some(object) = listed.next().await {
            let object = object.map_err(|source| StoreError::object("list", self, source))?;
            let Some(name) = self.name_of(&object.location) else { continue };
            if !goes_on(name) {
                break;
            }
            if manifest_of_part(name, run).is_some() {
                parts.push(name.to_owned());
            }
        }
        Ok(parts)
    }
}
