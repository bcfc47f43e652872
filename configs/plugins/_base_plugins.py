# What every plugged config needs: importing the package registers its components.
custom_imports = dict(imports=['mmocr_siga'], allow_failed_imports=False)
