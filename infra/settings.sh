# shellcheck shell=bash disable=SC2034
# Every name and size that infra/ uses, in one place. Source this, then lib.sh, which checks them.
#
# Values from the environment take precedence over infra/settings.local (not in git; NAME=value
# lines), which takes precedence over the defaults here.

# The Bash 3.2 of macOS cannot parse the rest.
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  printf '%s: this is Bash %s; 4.4 or later is needed (macOS: brew install bash)\n' \
    "${0##*/}" "$BASH_VERSION" >&2
  exit 2
fi

infra_folder="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
repository_folder=${infra_folder%/*}

# Parsed rather than sourced, so that the environment takes precedence and unknown names are found.
local_names=()
if [[ -f "${SETTINGS_LOCAL=$infra_folder/settings.local}" ]]; then
  while IFS='=' read -r name value || [[ -n $name ]]; do
    [[ -n $name && $name != '#'* ]] || continue
    local_names+=("$name")
    [[ $name =~ ^[A-Z][A-Z0-9_]*$ ]] || continue
    [[ -v $name ]] || declare "$name=$value"
  done <"$SETTINGS_LOCAL"
  unset name value
fi

## Where

# The Google Cloud project. No default, to avoid accidental deployments.
PROJECT=${PROJECT-}
# Region of function, buckets, builds and training. Images are processed only here.
REGION=${REGION-europe-west1}
# Name of the Cloud Run service; the other resources are named after it.
SERVICE=${SERVICE-lesionlens}
# Public host name of page and API. Needed by ensure_origin and by scripts that send it requests.
DOMAIN=${DOMAIN-}
# Second host name, of the revision that has no traffic yet (see README.md).
CANDIDATE_HOST=${CANDIDATE_HOST-${DOMAIN:+candidate.$DOMAIN}}

## Names that others may already have taken

# Contains only the releases, as the function may read all of it. Versioned and private.
MODEL_BUCKET=${MODEL_BUCKET-$PROJECT-$SERVICE-models}
# Contains the training data, which only the training job may read.
DATA_BUCKET=${DATA_BUCKET-$PROJECT-$SERVICE-data}
# Contains the page. Private: the load balancer reads it with its own identity.
WEB_BUCKET=${WEB_BUCKET-$PROJECT-$SERVICE-web}
# Contains sources and caches of builds, bills of materials, and the rollout lock.
BUILD_BUCKET=${BUILD_BUCKET-$PROJECT-$SERVICE-build}
# Artifact Registry repository of the function's and the training job's images.
IMAGE_REPOSITORY=${IMAGE_REPOSITORY-$SERVICE}
# Contains archives that Dataflow classifies, and their results. Empty: no Dataflow.
ARCHIVE_BUCKET=${ARCHIVE_BUCKET-}

## The function. Measurements behind these defaults: README.md, "Why these sizes".

# all: the service's run.app address is public, for a preview without a load balancer.
INGRESS=${INGRESS-internal-and-cloud-load-balancing}
# About 120 MiB with the model; 964 MB with eight concurrent uploads of the maximum size in bytes
# and pixels in the format that needs the most memory to decode (WebP).
MEMORY=${MEMORY-1Gi}
# Below 1, Cloud Run allows one concurrent request; above 1, only single requests become faster.
CPU=${CPU-1}
# Concurrent requests of an instance; also the number of server threads.
CONCURRENCY=${CONCURRENCY-8}
# Of the whole service, not of each revision. 0: an idle service costs nothing, and the next visitor
# waits for a cold start.
MIN_INSTANCES=${MIN_INSTANCES-0}
# Of each revision: during a rollout the candidate can start as many again. Limits the cost, also of
# an attack.
MAX_INSTANCES=${MAX_INSTANCES-10}
# Seconds. The slowest legitimate request is a 20 MB upload over a slow connection.
TIMEOUT=${TIMEOUT-60}
# Origins of partners' own pages, separated by commas. Our own page has the API's origin.
ALLOWED_ORIGINS=${ALLOWED_ORIGINS-}
# Bytes of one upload. Cloud Run itself refuses more than 32 MiB.
MAX_UPLOAD_BYTES=${MAX_UPLOAD_BYTES-20971520}
# Images for each client address without a key, such as 60/minute; announced in response headers,
# and counted by each instance separately unless LIMIT_STORE is a Redis. Empty: only the origin's
# limit.
PUBLIC_RATE_LIMIT=${PUBLIC_RATE_LIMIT-}
# memory://, or redis://HOST:PORT/NUMBER: a Redis 7 that the function can reach.
LIMIT_STORE=${LIMIT_STORE-memory://}
# DEBUG or INFO. Rollouts and alerts need the request lines, which are logged at INFO.
LOG_LEVEL=${LOG_LEVEL-INFO}
# Secret with the partners' keys, and the version of it that the function gets. Empty: none.
API_KEYS_SECRET=${API_KEYS_SECRET-$SERVICE-api-keys}
API_KEYS_VERSION=${API_KEYS_VERSION-}

# Base of the function's image. A tag means its newest image, whose digest the build records in the
# label org.opencontainers.image.base.digest; python@sha256:DIGEST means that of an earlier build.
BASE_IMAGE=${BASE_IMAGE-python:3.11-slim}

## A new revision

# Successive shares of the traffic that a candidate gets, in percent. The last is 100.
CANARY_STEPS=${CANARY_STEPS-5 25 50 100}
# Seconds at each share before the candidate is evaluated.
SOAK_SECONDS=${SOAK_SECONDS-120}
# Requests of the candidate and of the serving revision that an evaluation needs. If visitors send
# fewer, the script sends its own.
CANARY_REQUESTS=${CANARY_REQUESTS-20}
# Seconds until Cloud Logging has a line. If it takes longer, the log is read again.
LOG_DELAY_SECONDS=${LOG_DELAY_SECONDS-30}
# Seconds that a rollout waits for another one to finish.
LOCK_WAIT_SECONDS=${LOCK_WAIT_SECONDS-3600}

## The origin

# Requests per minute of one client address; beyond them it gets 429. Also applies to partners: if a
# key allows more, raise this above it, and set PUBLIC_RATE_LIMIT for everybody else. A rollout's
# own requests stay below half of it.
RATE_LIMIT_PER_MINUTE=${RATE_LIMIT_PER_MINUTE-60}

## Training

# The data set: gs://BUCKET/FOLDER, read by the training job. Needed by train.
DATA_URI=${DATA_URI-gs://$DATA_BUCKET/ham10000}
# A configuration in training/configs/.
TRAIN_CONFIG=${TRAIN_CONFIG-full}
# Training the shipped release takes an hour on two cores, about ten minutes on sixteen.
TRAIN_MACHINE=${TRAIN_MACHINE-n2-standard-16}
# For example NVIDIA_TESLA_T4 (with TRAIN_MACHINE=n1-standard-8). Empty: image without CUDA.
TRAIN_ACCELERATOR=${TRAIN_ACCELERATOR-}
TRAIN_ACCELERATOR_COUNT=${TRAIN_ACCELERATOR_COUNT-1}
# Number of machines of one training; its product with the number of accelerators must divide the
# configuration's batch. Training on more than one device or machine uses JAX.
TRAIN_WORKERS=${TRAIN_WORKERS-1}

## The build

# The repository as Cloud Build knows it:
# projects/PROJECT/locations/REGION/connections/CONNECTION/repositories/NAME. Empty: no trigger.
BUILD_REPOSITORY=${BUILD_REPOSITORY-}
# Regular expression of the branch whose pushes deploy.
BUILD_BRANCH=${BUILD_BRANCH-^main$}
# OWNER/NAME of the repository whose GitHub Actions may deploy its branch main. Empty: none may.
GITHUB_REPOSITORY=${GITHUB_REPOSITORY-}

## Alerts

# Address for alerts. Empty: no alerts, no uptime check.
ALERT_EMAIL=${ALERT_EMAIL-}
# The billing account, XXXXXX-XXXXXX-XXXXXX. Empty: no budget alert.
BILLING_ACCOUNT=${BILLING_ACCOUNT-}
# Per month, in the currency of the billing account.
BUDGET_AMOUNT=${BUDGET_AMOUNT-50}

## Derived from the above

FUNCTION_ACCOUNT=$SERVICE-function@$PROJECT.iam.gserviceaccount.com
TRAINING_ACCOUNT=$SERVICE-training@$PROJECT.iam.gserviceaccount.com
BUILD_ACCOUNT=$SERVICE-build@$PROJECT.iam.gserviceaccount.com
ARCHIVE_ACCOUNT=$SERVICE-archive@$PROJECT.iam.gserviceaccount.com
STORE=gs://$MODEL_BUCKET/models
FUNCTION_IMAGE=$REGION-docker.pkg.dev/$PROJECT/$IMAGE_REPOSITORY/function
TRAIN_IMAGE=$REGION-docker.pkg.dev/$PROJECT/$IMAGE_REPOSITORY/training
ORIGIN=${DOMAIN:+https://$DOMAIN}
CANDIDATE_ORIGIN=${CANDIDATE_HOST:+https://$CANDIDATE_HOST}
# Interpreter with training/'s requirements; promote, rollback and releases use it.
PYTHON=${PYTHON-$repository_folder/.venv/bin/python}
