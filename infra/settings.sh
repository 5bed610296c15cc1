# shellcheck shell=bash disable=SC2034
# Every name and size that infra/ uses, in one place. Source this, then lib.sh, which checks them.
#
# A value from the environment wins over one in infra/settings.local (not in git, one NAME=value a
# line), and that one over the default here.

# macOS has Bash 3.2, which cannot even read the rest.
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  printf '%s: this is Bash %s; 4.4 or later is needed (macOS: brew install bash)\n' \
    "${0##*/}" "$BASH_VERSION" >&2
  exit 2
fi

infra_folder="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
repository_folder=${infra_folder%/*}

# Read rather than sourced, so that the environment can win and a misspelled name be found.
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

# The Google Cloud project. No default: nobody should deploy into a project by accident.
PROJECT=${PROJECT-}
# Region of function, buckets, builds and training. Images are processed here and nowhere else.
REGION=${REGION-europe-west1}
# Name of the Cloud Run service; the other resources are named after it.
SERVICE=${SERVICE-lesionlens}
# Public host name of page and API. Needed by ensure_origin, and by whatever asks it questions.
DOMAIN=${DOMAIN-}
# Second host name, which leads to the revision that has no traffic yet (see README.md).
CANDIDATE_HOST=${CANDIDATE_HOST-${DOMAIN:+candidate.$DOMAIN}}

## Names that others may already have taken

# Holds the releases, and nothing else: the function may read all of it. Versioned and private.
MODEL_BUCKET=${MODEL_BUCKET-$PROJECT-$SERVICE-models}
# Holds the training data, which only the training job may read.
DATA_BUCKET=${DATA_BUCKET-$PROJECT-$SERVICE-data}
# Holds the page. Private: the load balancer reads it with its own identity.
WEB_BUCKET=${WEB_BUCKET-$PROJECT-$SERVICE-web}
# Holds sources and caches of builds, bills of materials, and the rollout lock.
BUILD_BUCKET=${BUILD_BUCKET-$PROJECT-$SERVICE-build}
# Artifact Registry repository of the function's and the training job's images.
IMAGE_REPOSITORY=${IMAGE_REPOSITORY-$SERVICE}
# Holds archives that Dataflow classifies, and their results. Empty: no Dataflow.
ARCHIVE_BUCKET=${ARCHIVE_BUCKET-}

## The function. The reasons for these defaults are measured: README.md, "Why these sizes".

# all: the service's run.app address answers everybody, for a preview without a load balancer.
INGRESS=${INGRESS-internal-and-cloud-load-balancing}
# Some 120 MiB with its model; 964 MB if each of eight uploads is as large as it may be, in bytes
# and in pixels, and of the format that takes most to decode (WebP).
MEMORY=${MEMORY-1Gi}
# Below 1, Cloud Run allows one request at a time; above 1, only an image that is alone is faster.
CPU=${CPU-1}
# Requests that one instance takes at a time; also the server's threads.
CONCURRENCY=${CONCURRENCY-8}
# Of the whole service, not of each revision. 0: an idle service costs nothing; a visitor then waits
# for a cold start.
MIN_INSTANCES=${MIN_INSTANCES-0}
# Of each revision: during a rollout the candidate can start as many again. Bounds the bill, and what
# a flood can do.
MAX_INSTANCES=${MAX_INSTANCES-10}
# Seconds. The slowest honest request is a 20 MB upload over a slow line.
TIMEOUT=${TIMEOUT-60}
# Origins of partners' own pages, separated by commas. Our own page shares the origin.
ALLOWED_ORIGINS=${ALLOWED_ORIGINS-}
# Bytes of one upload. Cloud Run itself refuses more than 32 MiB.
MAX_UPLOAD_BYTES=${MAX_UPLOAD_BYTES-20971520}
# Images for each address of the public, such as 60/minute, told in the answers' headers and counted
# by each instance for itself unless LIMIT_STORE is a Redis. Empty: only the origin's limit holds.
PUBLIC_RATE_LIMIT=${PUBLIC_RATE_LIMIT-}
# memory://, or redis://HOST:PORT/NUMBER of a Redis 7 that the function can reach.
LIMIT_STORE=${LIMIT_STORE-memory://}
# DEBUG or INFO. Above INFO there are no lines of requests, which rollouts and alerts read.
LOG_LEVEL=${LOG_LEVEL-INFO}
# Secret that holds the partners' keys, and the version of it to give to the function. Empty: none.
API_KEYS_SECRET=${API_KEYS_SECRET-$SERVICE-api-keys}
API_KEYS_VERSION=${API_KEYS_VERSION-}

# Base of the function's image. A tag stands for its newest image, which a build names by digest;
# python@sha256:DIGEST for that of an earlier build (label org.opencontainers.image.base.digest).
BASE_IMAGE=${BASE_IMAGE-python:3.11-slim}

## A new revision

# Shares of the traffic that a candidate gets one after the other, percent. The last is 100.
CANARY_STEPS=${CANARY_STEPS-5 25 50 100}
# Seconds that it keeps each share before it is judged.
SOAK_SECONDS=${SOAK_SECONDS-120}
# Requests of the candidate and of the serving revision that a judgement needs. Where visitors send
# fewer, the script sends its own.
CANARY_REQUESTS=${CANARY_REQUESTS-20}
# Seconds until Cloud Logging has a line. Where it takes longer, the log is read again.
LOG_DELAY_SECONDS=${LOG_DELAY_SECONDS-30}
# Seconds that a rollout waits for another one to end.
LOCK_WAIT_SECONDS=${LOCK_WAIT_SECONDS-3600}

## The origin

# Requests that one client address may make in a minute; beyond them it gets 429. Partners' too: where
# a key may do more, raise this above it, and set PUBLIC_RATE_LIMIT for everybody else. A rollout's
# own requests keep below half of it.
RATE_LIMIT_PER_MINUTE=${RATE_LIMIT_PER_MINUTE-60}

## Training

# The data set: gs://BUCKET/FOLDER, read by the training job. Needed by train.
DATA_URI=${DATA_URI-gs://$DATA_BUCKET/ham10000}
# A configuration in training/configs/.
TRAIN_CONFIG=${TRAIN_CONFIG-full}
# The shipped release takes an hour on two cores; sixteen take some ten minutes.
TRAIN_MACHINE=${TRAIN_MACHINE-n2-standard-16}
# For example NVIDIA_TESLA_T4 (with TRAIN_MACHINE=n1-standard-8). Empty: the image without CUDA.
TRAIN_ACCELERATOR=${TRAIN_ACCELERATOR-}
TRAIN_ACCELERATOR_COUNT=${TRAIN_ACCELERATOR_COUNT-1}
# Machines that share one training; their number, times that of the accelerators, must divide the
# configuration's batch. What one machine with one device cannot do runs on JAX.
TRAIN_WORKERS=${TRAIN_WORKERS-1}

## The build

# The repository as Cloud Build knows it:
# projects/PROJECT/locations/REGION/connections/CONNECTION/repositories/NAME. Empty: no trigger.
BUILD_REPOSITORY=${BUILD_REPOSITORY-}
# Regular expression of the branch whose pushes deploy.
BUILD_BRANCH=${BUILD_BRANCH-^main$}
# OWNER/NAME of the repository whose GitHub Actions may deploy its branch main. Empty: none may.
GITHUB_REPOSITORY=${GITHUB_REPOSITORY-}

## Who is told, and when

# Address that alerts go to. Empty: no alerts, no uptime check.
ALERT_EMAIL=${ALERT_EMAIL-}
# The billing account, XXXXXX-XXXXXX-XXXXXX. Empty: no budget alert.
BILLING_ACCOUNT=${BILLING_ACCOUNT-}
# In the currency of the billing account, a month.
BUDGET_AMOUNT=${BUDGET_AMOUNT-50}

## Made of the above

FUNCTION_ACCOUNT=$SERVICE-function@$PROJECT.iam.gserviceaccount.com
TRAINING_ACCOUNT=$SERVICE-training@$PROJECT.iam.gserviceaccount.com
BUILD_ACCOUNT=$SERVICE-build@$PROJECT.iam.gserviceaccount.com
ARCHIVE_ACCOUNT=$SERVICE-archive@$PROJECT.iam.gserviceaccount.com
STORE=gs://$MODEL_BUCKET/models
FUNCTION_IMAGE=$REGION-docker.pkg.dev/$PROJECT/$IMAGE_REPOSITORY/function
TRAIN_IMAGE=$REGION-docker.pkg.dev/$PROJECT/$IMAGE_REPOSITORY/training
ORIGIN=${DOMAIN:+https://$DOMAIN}
CANDIDATE_ORIGIN=${CANDIDATE_HOST:+https://$CANDIDATE_HOST}
# The interpreter that has training/'s requirements; promote, rollback and releases use it.
PYTHON=${PYTHON-$repository_folder/.venv/bin/python}
