mod azure;
mod faults;
mod gcs;
mod refusals;
mod s3;
mod support;
